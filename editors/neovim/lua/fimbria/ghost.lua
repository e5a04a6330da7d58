--- Ghost text: asks at each key, and draws what fits.
---
--- While a suggestion fits what is typed, nothing is asked: what is left of it is drawn anew in the event of the key,
--- before Neovim draws the key itself. Otherwise each key asks, and of the answers the newest that fits is drawn.

local draw = require('fimbria.draw')
local events = require('fimbria.events')
local menu = require('fimbria.menu')
local suggestions = require('fimbria.suggestion')

local M = {}

local api = vim.api
local METHOD = 'textDocument/inlineCompletion'
local AUTOMATIC, INVOKED = 2, 1

---@class (private) fimbria.Buffer
---@field bufnr integer
---@field client_id integer
---@field candidates fimbria.Suggestion[] of which one is drawn, if it fits
---@field index integer
---@field asked table<integer, fimbria.Asked?> whose answers are still to come
---@field number integer of the newest request
---@field answered integer number of the newest request whose answer counted
---@field drawn boolean
---@field seen? string what the last event was about
---@field scheduled boolean a request is about to be made
---@field paused boolean

---@type table<integer, fimbria.Buffer?>
local buffers = {}
local all_paused = false

---@param bufnr integer
---@return integer
local function resolved(bufnr)
  return bufnr == 0 and api.nvim_get_current_buf() or bufnr
end

---@return boolean
local function is_insert_mode()
  return vim.startswith(api.nvim_get_mode().mode, 'i')
end

--- Whether ghost text is wanted in a buffer.
---@param bufnr integer
---@return boolean
function M.is_on(bufnr)
  bufnr = resolved(bufnr)
  local buffer = buffers[bufnr]
  local options = require('fimbria.config').get().ghost
  local enabled = options.enabled
  if type(enabled) == 'function' then
    enabled = enabled(bufnr)
  end
  local filetypes = options.filetypes
  return enabled
    and not all_paused
    and not (buffer and buffer.paused)
    and (not filetypes or vim.list_contains(filetypes, vim.bo[bufnr].filetype))
end

--- Whether an answer is waited for.
---@param bufnr integer
---@return boolean
function M.is_thinking(bufnr)
  local buffer = buffers[resolved(bufnr)]
  return buffer ~= nil and next(buffer.asked) ~= nil
end

---@param buffer fimbria.Buffer
local function hide(buffer)
  if buffer.drawn then
    buffer.drawn = false
    draw.clear(buffer.bufnr)
  end
end

--- Forget suggestions, all but those that `kept` says.
---@param buffer fimbria.Buffer
---@param kept fimbria.Suggestion[]
local function replace_candidates(buffer, kept)
  local in_use = {} ---@type table<integer, true>
  for _, one in ipairs(kept) do
    in_use[one.anchor] = true
  end
  for _, one in ipairs(buffer.candidates) do
    if not in_use[one.anchor] then
      suggestions.release(buffer.bufnr, one.anchor)
    end
  end
  buffer.candidates, buffer.index = kept, 1
end

---@param buffer fimbria.Buffer
---@param asked fimbria.Asked
local function no_longer_asked(buffer, asked)
  buffer.asked[asked.number] = nil
  require('fimbria.status').changed()
end

---@param buffer fimbria.Buffer
local function cancel_requests(buffer)
  local client = vim.lsp.get_client_by_id(buffer.client_id)
  for _, asked in pairs(buffer.asked) do
    if client and asked.request_id then
      client:cancel_request(asked.request_id)
    end
    suggestions.release(buffer.bufnr, asked.anchor)
    no_longer_asked(buffer, asked)
  end
end

--- What is left of the chosen candidate at the cursor. Those that do not fit any more are forgotten.
---@param buffer fimbria.Buffer
---@return fimbria.Rest?
local function current_rest(buffer)
  local chosen = buffer.candidates[buffer.index]
  if not chosen then
    return nil
  end
  local entry = menu.pending_entry()
  local rest = suggestions.rest(chosen, buffer.bufnr, entry)
  if rest then
    return rest
  end
  local fitting = vim.tbl_filter(function(one)
    return suggestions.rest(one, buffer.bufnr, entry) ~= nil
  end, buffer.candidates)
  replace_candidates(buffer, fitting)
  return fitting[1] and suggestions.rest(fitting[1], buffer.bufnr, entry)
end

--- Whether something else than the suggestions says that nothing is to be drawn now.
---@param buffer fimbria.Buffer
---@return boolean
local function is_hushed(buffer)
  return not is_insert_mode()
    or api.nvim_get_current_buf() ~= buffer.bufnr
    or not M.is_on(buffer.bufnr)
    or (require('fimbria.config').get().ghost.hide_with_menu and menu.is_open())
end

--- Draw what fits at the cursor, and nothing else.
---@param buffer fimbria.Buffer
---@param with_hint? boolean say which of how many candidates it is
---@return boolean fits whether there is something, drawn or hushed
local function redraw(buffer, with_hint)
  local rest = current_rest(buffer)
  if not rest or is_hushed(buffer) then
    hide(buffer)
    return rest ~= nil
  end
  local count = #buffer.candidates
  local hint = with_hint and count > 1 and (' (%d/%d)'):format(buffer.index, count) or nil
  draw.draw(buffer.bufnr, rest, hint)
  buffer.drawn = true
  return true
end

---@param buffer fimbria.Buffer
---@param found fimbria.Suggestion[]
---@return fimbria.Suggestion[] without those whose text is there already
local function distinct(buffer, found)
  local entry = menu.pending_entry()
  local texts = {} ---@type table<string, true>
  local kept = {} ---@type fimbria.Suggestion[]
  for _, one in ipairs(found) do
    local rest = suggestions.rest(one, buffer.bufnr, entry)
    if rest and not texts[rest.text] then
      texts[rest.text] = true
      kept[#kept + 1] = one
    end
  end
  return kept
end

--- Take the items of an answer.
---@param buffer fimbria.Buffer
---@param asked fimbria.Asked
---@param items lsp.InlineCompletionItem[]
local function take(buffer, asked, items)
  local is_newest = asked.number == buffer.number
  local found = {} ---@type fimbria.Suggestion[]
  for _, item in ipairs(items) do
    found[#found + 1] = suggestions.from_item(item, asked)
  end
  if asked.explicit then
    -- What is shown stays the first; the others come behind it.
    found = vim.list_extend(vim.list_slice(buffer.candidates), found)
  end
  local fitting = distinct(buffer, found)
  if #fitting == 0 and not (is_newest and #items == 0) then
    suggestions.release(buffer.bufnr, asked.anchor)
    return
  end
  local had = #buffer.candidates
  buffer.answered = asked.number
  replace_candidates(buffer, fitting)
  if not vim.iter(fitting):any(function(one)
    return one.anchor == asked.anchor
  end) then
    suggestions.release(buffer.bufnr, asked.anchor)
  end
  if asked.explicit and had > 0 and #fitting > had then
    buffer.index = had + 1
  end
  if redraw(buffer, asked.explicit) and not asked.explicit then
    -- Nothing is asked while something fits; so that no other answer takes it away.
    cancel_requests(buffer)
  end
  if buffer.drawn then
    require('fimbria.status').recovered()
    events.shown(buffer.candidates[buffer.index])
  end
end

---@param buffer fimbria.Buffer
---@param asked fimbria.Asked
---@param err? lsp.ResponseError
---@param result? lsp.InlineCompletionItem[]|lsp.InlineCompletionList
local function answered(buffer, asked, err, result)
  local is_awaited = buffer.asked[asked.number] == asked
  if is_awaited then
    no_longer_asked(buffer, asked)
  end
  -- No result: superseded, the suggestion that is shown stays.
  local is_of_use = is_awaited and not err and result and asked.number > buffer.answered
  if not is_of_use or not is_insert_mode() or api.nvim_get_current_buf() ~= buffer.bufnr then
    suggestions.release(buffer.bufnr, asked.anchor)
    return
  end
  ---@cast result -nil
  take(buffer, asked, result.items or result)
end

---@param buffer fimbria.Buffer
---@param explicit boolean
---@return boolean asked
local function request(buffer, explicit)
  local client = vim.lsp.get_client_by_id(buffer.client_id)
  if not client or is_hushed(buffer) or not vim.bo[buffer.bufnr].modifiable then
    return false
  end
  buffer.number = buffer.number + 1
  local asked = suggestions.asked(client, buffer.bufnr, buffer.number)
  asked.explicit, asked.entry = explicit, menu.pending_entry()
  local position = {
    line = asked.row,
    character = vim.str_utfindex(asked.line, asked.encoding, asked.col, false),
  }
  ---@type lsp.InlineCompletionParams
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(buffer.bufnr) },
    position = position,
    context = {
      triggerKind = explicit and INVOKED or AUTOMATIC,
      selectedCompletionInfo = asked.entry
        and menu.selected_info(asked.entry, asked.line, asked.row, asked.col, asked.encoding),
    },
  }
  buffer.asked[asked.number] = asked
  local is_sent, request_id = client:request(METHOD, params, function(err, result)
    answered(buffer, asked, err, result)
  end, buffer.bufnr)
  asked.request_id = request_id
  if not is_sent then
    no_longer_asked(buffer, asked)
  end
  require('fimbria.status').changed()
  return is_sent
end

--- Ask after Neovim has drawn the key: the key does not wait for the question. (What is scheduled would still run
--- before it is drawn.)
---@param buffer fimbria.Buffer
local function request_soon(buffer)
  if buffer.scheduled then
    return
  end
  buffer.scheduled = true
  vim.defer_fn(function()
    buffer.scheduled = false
    if buffers[buffer.bufnr] == buffer and not current_rest(buffer) then
      request(buffer, false)
    end
  end, 0)
end

--- Something has happened that may concern ghost text: a key, a step of the cursor, another entry of a menu.
---@param buffer fimbria.Buffer
local function on_event(buffer)
  if not is_insert_mode() then
    -- InsertEnter comes before insert mode does; the change of mode comes, too.
    return
  end
  local row, col = unpack(api.nvim_win_get_cursor(0))
  local tick = api.nvim_buf_get_changedtick(buffer.bufnr)
  local is_open, selected = menu.is_open(), menu.pending_entry()
  local seen = ('%d %d %d %s %s'):format(tick, row, col, is_open, selected)
  if seen == buffer.seen then
    return
  end
  buffer.seen = seen
  if not redraw(buffer) then
    request_soon(buffer)
  end
end

--- Nothing of what was asked or shown counts any more.
---@param buffer fimbria.Buffer
local function reset(buffer)
  hide(buffer)
  cancel_requests(buffer)
  replace_candidates(buffer, {})
  buffer.seen = nil
end

---@param bufnr integer
local function detach(bufnr)
  local buffer = buffers[bufnr]
  if buffer then
    reset(buffer)
    buffers[bufnr] = nil
    pcall(api.nvim_del_augroup_by_name, 'fimbria.ghost.' .. bufnr)
  end
end

---@param buffer fimbria.Buffer
local function watch(buffer)
  local bufnr = buffer.bufnr
  local group = api.nvim_create_augroup('fimbria.ghost.' .. bufnr, {})
  ---@param names string[]
  ---@param callback fun(event: vim.api.keyset.create_autocmd.callback_args)
  local function on(names, callback)
    api.nvim_create_autocmd(names, { group = group, buffer = bufnr, callback = callback })
  end
  on({
    'InsertEnter',
    'CursorMovedI',
    'TextChangedI',
    'TextChangedP',
    'CompleteChanged',
    'CompleteDone',
  }, function()
    on_event(buffer)
  end)
  on({ 'InsertLeave', 'BufLeave' }, function()
    reset(buffer)
  end)
  on({ 'BufUnload' }, function()
    detach(bufnr)
  end)
  on({ 'LspDetach' }, function(event)
    if event.data.client_id == buffer.client_id then
      detach(bufnr)
    end
  end)
  -- Ctrl-C leaves insert mode without InsertLeave, Ctrl-O for a while.
  api.nvim_create_autocmd('ModeChanged', {
    group = group,
    pattern = { 'i*:[^i]*', '[^i]*:i*' },
    callback = function(event)
      if event.buf ~= bufnr then
        return
      elseif vim.startswith(vim.v.event.new_mode, 'i') then
        on_event(buffer)
      else
        reset(buffer)
      end
    end,
  })
end

--- Have ghost text in a buffer from a server.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  if not client.server_capabilities.inlineCompletionProvider then
    return
  end
  detach(bufnr)
  local buffer = {
    bufnr = bufnr,
    client_id = client.id,
    candidates = {},
    index = 1,
    asked = {},
    number = 0,
    answered = 0,
    drawn = false,
    scheduled = false,
    paused = false,
  }
  buffers[bufnr] = buffer
  watch(buffer)
  -- Only now, so that what the user's autocommands map in this buffer comes first.
  vim.schedule(function()
    if buffers[bufnr] ~= buffer then
      return
    end
    require('fimbria.keymaps').map(bufnr)
    -- What was typed while the server started would wait for the next key.
    if bufnr == api.nvim_get_current_buf() and is_insert_mode() then
      on_event(buffer)
    end
  end)
end

--- Whether ghost text can come in a buffer: a server is there that answers.
---@param bufnr integer
---@return boolean
function M.is_attached(bufnr)
  return buffers[resolved(bufnr)] ~= nil
end

--- The ghost text that is drawn, as it is to be accepted now.
---@return fimbria.Rest?
function M.visible()
  local buffer = buffers[api.nvim_get_current_buf()]
  return buffer and buffer.drawn and not is_hushed(buffer) and current_rest(buffer) or nil
end

--- The drawn suggestion was accepted; nothing of it is left to show.
function M.accepted()
  local buffer = buffers[api.nvim_get_current_buf()]
  if buffer then
    reset(buffer)
  end
end

--- A part of the drawn suggestion was accepted: draw what is left.
function M.refresh()
  local buffer = buffers[api.nvim_get_current_buf()]
  if buffer then
    on_event(buffer)
  end
end

--- Show another candidate; ask for candidates where there is none yet, or only one.
---@param step integer
---@return boolean done
function M.cycle(step)
  local buffer = buffers[api.nvim_get_current_buf()]
  if not buffer then
    return false
  end
  local count = #buffer.candidates
  if count > 1 and current_rest(buffer) then
    buffer.index = (buffer.index - 1 + step) % count + 1
    redraw(buffer, true)
    return true
  end
  return step > 0 and request(buffer, true)
end

--- Take the ghost text away until the next key.
---@return boolean dismissed
function M.dismiss()
  local buffer = buffers[api.nvim_get_current_buf()]
  local rest = M.visible()
  if not buffer or not rest then
    return false
  end
  events.dismissed(rest.suggestion)
  local seen = buffer.seen
  reset(buffer)
  buffer.seen = seen
  return true
end

--- Turn ghost text on or off.
---@param on? boolean nil: the opposite of what is
---@param bufnr? integer nil: everywhere
function M.toggle(on, bufnr)
  if bufnr then
    local buffer = buffers[resolved(bufnr)]
    if buffer then
      buffer.paused = on == false or on == nil and not buffer.paused
    end
  else
    all_paused = on == false or on == nil and not all_paused
  end
  for _, buffer in pairs(buffers) do
    reset(buffer)
  end
  local current = buffers[api.nvim_get_current_buf()]
  if current and is_insert_mode() then
    on_event(current)
  end
  require('fimbria.status').changed()
end

return M
