--- The chat's two windows: what was said, as Markdown, and below it a few lines to write in.

local M = {}

local api = vim.api

---@class fimbria.ChatView
---@field said integer buffer
---@field input integer buffer
---@field on_send fun(text: string)
---@field on_stop fun()

---@type fimbria.ChatView?
local view

local INPUT_HEIGHT = 4

---@param name string
---@return integer
local function scratch(name)
  local bufnr = api.nvim_create_buf(false, true)
  api.nvim_buf_set_name(bufnr, name)
  vim.bo[bufnr].bufhidden = 'hide'
  vim.bo[bufnr].swapfile = false
  vim.bo[bufnr].filetype = 'markdown'
  return bufnr
end

---@param bufnr integer
---@return integer? win of this tab page
local function window_of(bufnr)
  for _, win in ipairs(api.nvim_tabpage_list_wins(0)) do
    if api.nvim_win_get_buf(win) == bufnr then
      return win
    end
  end
end

---@param chat fimbria.ChatView
---@param text string
local function send(chat, text)
  if vim.trim(text) ~= '' then
    api.nvim_buf_set_lines(chat.input, 0, -1, true, {})
    chat.on_send(vim.trim(text))
  end
end

---@param chat fimbria.ChatView
local function map_keys(chat)
  ---@param modes string[]
  ---@param key string
  ---@param what string
  ---@param run fun()
  ---@param bufnr integer
  local function map(modes, key, what, run, bufnr)
    vim.keymap.set(modes, key, run, { buffer = bufnr, desc = 'Fimbria chat: ' .. what })
  end
  map({ 'n', 'i' }, '<CR>', 'send', function()
    send(chat, table.concat(api.nvim_buf_get_lines(chat.input, 0, -1, true), '\n'))
  end, chat.input)
  for _, bufnr in ipairs({ chat.said, chat.input }) do
    map({ 'n', 'i' }, '<C-c>', 'stop the answer', chat.on_stop, bufnr)
    map({ 'n' }, 'q', 'close', M.close, bufnr)
  end
  map({ 'n' }, 'gy', 'yank the code block', function()
    require('fimbria.chat').yank_block()
  end, chat.said)
  map({ 'n' }, 'ga', 'apply the code block where it belongs', function()
    require('fimbria.chat').apply_block('diff')
  end, chat.said)
  map({ 'n' }, 'gi', 'insert the code block at the cursor of the file', function()
    require('fimbria.chat').apply_block('insert')
  end, chat.said)
end

---@param chat fimbria.ChatView
local function show(chat)
  vim.cmd('botright vsplit')
  local said = api.nvim_get_current_win()
  api.nvim_win_set_buf(said, chat.said)
  api.nvim_win_set_width(said, math.max(40, math.floor(vim.o.columns * 0.4)))
  vim.cmd(('belowright %dsplit'):format(INPUT_HEIGHT))
  local input = api.nvim_get_current_win()
  api.nvim_win_set_buf(input, chat.input)
  for _, win in ipairs({ said, input }) do
    vim.wo[win].number, vim.wo[win].relativenumber = false, false
    vim.wo[win].wrap, vim.wo[win].linebreak = true, true
    vim.wo[win].signcolumn = 'no'
  end
  vim.wo[said].conceallevel = 2
  vim.wo[input].winfixheight = true
end

--- Open the chat, or go to it, ready to write.
---@param on_send fun(text: string)
---@param on_stop fun()
function M.open(on_send, on_stop)
  if not view or not api.nvim_buf_is_valid(view.said) or not api.nvim_buf_is_valid(view.input) then
    view = {
      said = scratch('fimbria://chat'),
      input = scratch('fimbria://chat-input'),
      on_send = on_send,
      on_stop = on_stop,
    }
    vim.bo[view.said].modifiable = false
    map_keys(view)
  end
  local input = window_of(view.input)
  if input then
    api.nvim_set_current_win(input)
  else
    M.close()
    show(view)
  end
  vim.cmd.startinsert()
end

--- Close the windows; what was said is there when the chat is opened again.
function M.close()
  for _, bufnr in ipairs(view and { view.said, view.input } or {}) do
    local win = window_of(bufnr)
    if win and #api.nvim_tabpage_list_wins(0) > 1 then
      api.nvim_win_close(win, true)
    end
  end
end

---@return integer? bufnr of what was said
function M.buffer()
  return view and api.nvim_buf_is_valid(view.said) and view.said or nil
end

--- Write at the end of what was said. A window whose cursor is at the end follows.
---@param text string
function M.append(text)
  local bufnr = M.buffer()
  if not bufnr then
    return
  end
  local win = window_of(bufnr)
  local count = api.nvim_buf_line_count(bufnr)
  local follows = win and api.nvim_win_get_cursor(win)[1] >= count
  vim.bo[bufnr].modifiable = true
  local last = api.nvim_buf_get_lines(bufnr, -2, -1, true)[1]
  api.nvim_buf_set_text(bufnr, count - 1, #last, count - 1, #last, vim.split(text, '\n'))
  vim.bo[bufnr].modifiable = false
  if win and follows then
    api.nvim_win_set_cursor(win, { api.nvim_buf_line_count(bufnr), 0 })
  end
end

--- Forget what was said.
function M.clear()
  local bufnr = M.buffer()
  if bufnr then
    vim.bo[bufnr].modifiable = true
    api.nvim_buf_set_lines(bufnr, 0, -1, true, {})
    vim.bo[bufnr].modifiable = false
  end
end

---@class fimbria.CodeBlock
---@field code string
---@field language string

--- The fenced code block at the cursor, or else the last one before it.
---@return fimbria.CodeBlock?
function M.block_at_cursor()
  local bufnr = M.buffer()
  local win = bufnr and window_of(bufnr)
  if not bufnr or not win then
    return nil
  end
  local row = api.nvim_win_get_cursor(win)[1]
  local found, fence, language, first ---@type fimbria.CodeBlock?, string?, string?, integer?
  local lines = api.nvim_buf_get_lines(bufnr, 0, -1, true)
  for number, line in ipairs(lines) do
    local mark, info = line:match('^%s*(```+)%s*([^`]*)$')
    if mark and not fence then
      if number > row then
        break
      end
      fence, language, first = mark, info, number
    elseif mark and fence and #mark >= #fence and info == '' then
      local code = table.concat(vim.list_slice(lines, first + 1, number - 1), '\n') .. '\n'
      found, fence = { code = code, language = vim.trim(language or '') }, nil
    end
  end
  return found
end

return M
