--- Ghost text: asks at each key, and draws what fits.
---
--- While a suggestion fits what is typed, nothing is asked: what is left of it is drawn anew in the
--- event of the key, before Neovim draws the key itself. Otherwise each key asks, and of the
--- answers the newest that fits is drawn.

local candidates = require('fimbria.candidates')
local events = require('fimbria.events')
local menu = require('fimbria.menu')
local questions = require('fimbria.questions')

local M = {}

local api = vim.api

---@type table<integer, fimbria.Buffer?>
local buffers = {}

---@type table<integer, true> clients by their ids
local known = {}

---@param bufnr integer
---@return integer
local function resolved(bufnr)
  return bufnr == 0 and api.nvim_get_current_buf() or bufnr
end

--- Whether ghost text is wanted in a buffer.
---@param bufnr integer
---@return boolean
function M.is_on(bufnr)
  return M.why_off(bufnr) == nil
end

--- Why no ghost text is wanted in a buffer.
---@param bufnr integer
---@return string? why nil where it is wanted
function M.why_off(bufnr)
  return candidates.why_off(resolved(bufnr))
end

--- Whether an answer is waited for.
---@param bufnr integer
---@return boolean
function M.is_thinking(bufnr)
  local buffer = buffers[resolved(bufnr)]
  return buffer ~= nil and next(buffer.asked) ~= nil
end

--- Something has happened that may concern ghost text: a key, a step of the cursor, another entry
--- of a menu.
---@param buffer fimbria.Buffer
local function on_event(buffer)
  if not candidates.is_insert_mode() then
    -- InsertEnter comes before insert mode does; the change of mode comes, too.
    return
  elseif candidates.is_line_too_long() then
    candidates.hide(buffer)
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
  if not candidates.redraw(buffer) then
    questions.request_soon(buffer)
  end
end

--- Nothing of what was asked or shown counts any more.
---@param buffer fimbria.Buffer
local function reset(buffer)
  candidates.hide(buffer)
  questions.cancel(buffer)
  candidates.replace_candidates(buffer, {})
  buffer.seen = nil
end

---@param bufnr integer
local function detach(bufnr)
  local buffer = buffers[bufnr]
  if buffer then
    reset(buffer)
    buffers[bufnr], buffer.detached = nil, true
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

--- Keep Neovim's own inline completion, for which other servers may be there, from drawing ours a
--- second time.
---@param client vim.lsp.Client
local function keep_to_ourselves(client)
  local supports = client.supports_method
  ---@diagnostic disable-next-line: duplicate-set-field
  function client:supports_method(method, ...)
    return method ~= questions.METHOD and supports(self, method, ...)
  end
  if vim.lsp.inline_completion then
    -- Somebody may have enabled it already.
    vim.lsp.inline_completion.enable(false, { client_id = client.id })
  end
end

--- Have ghost text in a buffer from a server.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  if not client.server_capabilities.inlineCompletionProvider then
    return
  end
  detach(bufnr)
  if not known[client.id] then
    known[client.id] = true
    keep_to_ourselves(client)
  end
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
    detached = false,
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
    if bufnr == api.nvim_get_current_buf() and candidates.is_insert_mode() then
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
  return buffer
      and buffer.drawn
      and not candidates.is_hushed(buffer)
      and candidates.current_rest(buffer)
    or nil
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
  if count > 1 and candidates.current_rest(buffer) then
    buffer.index = (buffer.index - 1 + step) % count + 1
    candidates.redraw(buffer, true)
    return true
  end
  return step > 0 and questions.request(buffer, true)
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

--- What was asked and shown was so by options that do not hold any more.
local function begin_anew()
  for _, buffer in pairs(buffers) do
    reset(buffer)
  end
  local current = buffers[api.nvim_get_current_buf()]
  if current and candidates.is_insert_mode() then
    on_event(current)
  end
  require('fimbria.status').changed()
end

--- Other options hold now.
function M.options_changed()
  for bufnr in pairs(buffers) do
    require('fimbria.keymaps').map(bufnr)
  end
  begin_anew()
end

--- Turn ghost text on or off.
---@param on? boolean nil: the opposite of what is
---@param bufnr? integer nil: everywhere
function M.toggle(on, bufnr)
  candidates.turn(on, bufnr and resolved(bufnr))
  begin_anew()
end

return M
