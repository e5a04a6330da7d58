--- Ghost text by Neovim's own inline completion, with what it lacks as of 0.12:
---
--- - Accepting after typing on inserts the typed characters twice (neovim/neovim#36529): `accept` replaces them.
--- - A suggestion that no longer fits what was typed stays on the screen until the next answer: it is taken away at once.
--- - The line breaks of a DOS file would be drawn as `^M`: Neovim's buffers hold none.
---
--- Neovim still asks, keeps and draws. All of this works from outside of it: the client's requests are watched, and an empty
--- answer, handed to Neovim in the server's name, makes it forget a suggestion.

local M = {}

local METHOD = 'textDocument/inlineCompletion'

--- The one suggestion that Neovim shows in a buffer, in bytes, row from 0.
---@class (private) fimbria.Ghost
---@field text string
---@field row integer
---@field start integer where the part to replace begins
---@field after string what followed the cursor at the time of the request
---@field covered integer how much of `after` is to be replaced
---@field command? lsp.Command to be run when it is accepted
---@field client_id integer
---@field forget fun() makes Neovim forget and hide it

--- What a request was about.
---@class (private) fimbria.Asked
---@field position lsp.Position
---@field line string the cursor's line at that time

---@type table<integer, fimbria.Ghost?> by buffer
local ghosts = {}

---@param bufnr integer
---@param row integer
---@return string
local function line_at(bufnr, row)
  return vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ''
end

--- Whether the cursor stands where the ghost text was asked for, or further on by a part of it that was typed since.
---@param ghost fimbria.Ghost
---@param bufnr integer
---@return boolean
local function fits(ghost, bufnr)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  if row - 1 ~= ghost.row or col < ghost.start then
    return false
  end
  local line = line_at(bufnr, ghost.row)
  return vim.startswith(ghost.text, line:sub(ghost.start + 1, col))
    and line:sub(col + 1) == ghost.after
end

---@param bufnr integer
---@return boolean
local function is_on(bufnr)
  return vim.lsp.inline_completion.is_enabled({ bufnr = bufnr })
end

---@param bufnr integer
local function dismiss(bufnr)
  local ghost = ghosts[bufnr]
  ghosts[bufnr] = nil
  if ghost and is_on(bufnr) then
    ghost.forget()
  end
end

--- The ghost text of an answer, if it is one that Neovim will show and that we can follow.
---@param items lsp.InlineCompletionItem[]
---@param asked fimbria.Asked
---@param client vim.lsp.Client
---@param forget fun()
---@return fimbria.Ghost?
local function only_item(items, asked, client, forget)
  local item = items[1]
  if #items ~= 1 or type(item.insertText) ~= 'string' or not item.range then
    return nil
  end
  ---@param position lsp.Position
  local function byte(position)
    return vim.str_byteindex(asked.line, client.offset_encoding, position.character, false)
  end
  local cursor = byte(asked.position)
  return {
    text = item.insertText,
    row = asked.position.line,
    start = byte(item.range.start),
    after = asked.line:sub(cursor + 1),
    covered = byte(item.range['end']) - cursor,
    command = item.command,
    client_id = client.id,
    forget = forget,
  }
end

--- Whether an item is for where it was asked for. One that is not comes from a server that knows an older text.
---@param item lsp.InlineCompletionItem
---@param position lsp.Position
---@return boolean
local function belongs(item, position)
  local range = item.range
  return not range
    or range.start.line == position.line
      and range['end'].line == position.line
      and range.start.character <= position.character
      and position.character <= range['end'].character
end

--- Note which suggestion an answer brings, and hand the answer on to Neovim.
---@param client vim.lsp.Client
---@param bufnr integer
---@param asked fimbria.Asked
---@param handler lsp.Handler
---@return lsp.Handler
local function watch_answer(client, bufnr, asked, handler)
  return function(err, result, ctx)
    if not is_on(bufnr) then
      -- Turned off meanwhile; Neovim's handler would fail.
      return
    end
    -- No result: superseded, the suggestion that is shown stays. Outside of insert mode Neovim shows none.
    if err or not result or not vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
      return handler(err, result, ctx)
    end
    local items = vim.tbl_filter(function(item)
      return belongs(item, asked.position)
    end, result.items or result)
    for _, item in ipairs(items) do
      if type(item.insertText) == 'string' then
        item.insertText = item.insertText:gsub('\r\n', '\n')
      end
    end
    ghosts[bufnr] = only_item(items, asked, client, function()
      handler(nil, { items = {} }, ctx)
    end)
    handler(nil, { items = items }, ctx)
    local ghost = ghosts[bufnr]
    if ghost and bufnr == vim.api.nvim_get_current_buf() and not fits(ghost, bufnr) then
      dismiss(bufnr)
    end
  end
end

---@type table<integer, true?> by client
local watched = {}

--- See the answers to a client's requests for ghost text before Neovim does.
---@param client vim.lsp.Client
local function watch(client)
  if watched[client.id] then
    return
  end
  watched[client.id] = true
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  function client:request(method, params, handler, bufnr)
    if method == METHOD and handler then
      local buf = bufnr ~= 0 and bufnr or vim.api.nvim_get_current_buf()
      local line = line_at(buf, params.position.line)
      handler = watch_answer(self, buf, { position = params.position, line = line }, handler)
    end
    return request(self, method, params, handler, bufnr)
  end
end

--- Accept the ghost text of the current buffer, as it is drawn.
---@return boolean accepted whether there was any
function M.accept()
  local bufnr = vim.api.nvim_get_current_buf()
  local ghost = ghosts[bufnr]
  if not is_on(bufnr) then
    return false
  end
  if not ghost then
    -- That of another server, perhaps.
    return vim.lsp.inline_completion.get()
  end
  local fitting = fits(ghost, bufnr)
  dismiss(bufnr)
  if not fitting then
    return false
  end
  -- Setting the option, even to what it is, begins a new undo step: undo takes back the accepted text alone.
  vim.cmd('let &g:undolevels = &g:undolevels')
  local lines = vim.split(ghost.text, '\n')
  local last = vim.api.nvim_win_get_cursor(0)[2] + ghost.covered
  vim.api.nvim_buf_set_text(bufnr, ghost.row, ghost.start, ghost.row, last, lines)
  local col = #lines[#lines] + (#lines == 1 and ghost.start or 0)
  vim.api.nvim_win_set_cursor(0, { ghost.row + #lines, col })
  local client = vim.lsp.get_client_by_id(ghost.client_id)
  if client and ghost.command then
    client:exec_cmd(ghost.command, { bufnr = bufnr })
  end
  return true
end

---@param bufnr integer
---@param key string
---@param own boolean the mapping of the buffer, not the global one
---@return vim.api.keyset.get_keymap?
local function mapping_of(bufnr, key, own)
  local mappings = own and vim.api.nvim_buf_get_keymap(bufnr, 'i') or vim.api.nvim_get_keymap('i')
  return vim.iter(mappings):find(function(mapping)
    return mapping.lhs == key
  end)
end

--- Do what `key` does without Fimbria.
---@param key string
---@param mapping? vim.api.keyset.get_keymap what it is mapped to
local function press(key, mapping)
  if not mapping then
    vim.api.nvim_feedkeys(vim.keycode(key), 'in', false)
    return
  end
  local rhs = mapping.rhs and mapping.rhs:gsub('<SID>', ('<SNR>%d_'):format(mapping.sid)) or ''
  local mode = mapping.noremap == 1 and 'in' or 'im'
  if mapping.expr == 0 and mapping.callback then
    mapping.callback()
  elseif mapping.expr == 0 then
    vim.api.nvim_feedkeys(vim.keycode(rhs), mode, false)
  else
    local keys = mapping.callback and mapping.callback() or vim.api.nvim_eval(rhs)
    if type(keys) == 'string' and keys ~= '' then
      keys = mapping.replace_keycodes == 1 and vim.keycode(keys) or keys
      vim.api.nvim_feedkeys(keys, mode, mapping.replace_keycodes ~= 1)
    end
  end
end

--- Let `key` accept ghost text in a buffer, and do what it did before where there is none.
---@param bufnr integer
---@param key string
local function map(bufnr, key)
  local description = 'Accept ghost text (Fimbria)'
  local before = mapping_of(bufnr, key, true)
  if before and before.desc == description then
    return
  end
  vim.keymap.set('i', key, function()
    if not M.accept() then
      press(key, before or mapping_of(bufnr, key, false))
    end
  end, { buf = bufnr, desc = description })
end

--- Turn ghost text on in a buffer. `vim.lsp.inline_completion.enable(false, { bufnr = … })` turns it off again.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  watch(client)
  local group = vim.api.nvim_create_augroup('fimbria.' .. bufnr, {})
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'BufUnload', 'LspDetach' }, {
    group = group,
    buf = bufnr,
    callback = function()
      ghosts[bufnr] = nil
    end,
  })
  -- Ctrl-C leaves insert mode without InsertLeave, so Neovim goes on drawing.
  vim.api.nvim_create_autocmd('ModeChanged', {
    group = group,
    pattern = 'i*:n*',
    callback = function(event)
      if event.buf == bufnr and ghosts[bufnr] then
        ghosts[bufnr] = nil
        local drawn = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']
        if drawn then
          vim.api.nvim_buf_clear_namespace(bufnr, drawn, 0, -1)
        end
      end
    end,
  })
  vim.schedule(function()
    if not vim.api.nvim_buf_is_valid(bufnr) then
      return
    end
    vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
    -- Only now, so that what the user's autocommands map in this buffer comes first.
    local key = vim.g.fimbria_accept_key == nil and '<Tab>' or vim.g.fimbria_accept_key
    if key and key ~= '' then
      map(bufnr, key)
    end
    -- After Neovim's own of that event, which would draw it again.
    vim.api.nvim_create_autocmd({ 'CursorMovedI', 'TextChangedP' }, {
      group = group,
      buf = bufnr,
      callback = function()
        if ghosts[bufnr] and not fits(ghosts[bufnr], bufnr) then
          dismiss(bufnr)
        end
      end,
    })
    -- Neovim asks when the cursor moves: what was typed while the server started would wait for the next key.
    if bufnr == vim.api.nvim_get_current_buf() and vim.fn.mode() == 'i' then
      vim.api.nvim_exec_autocmds('CursorMovedI', { buf = bufnr, modeline = false })
    end
  end)
end

return M
