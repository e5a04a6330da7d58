--- The chat's keys, which are those of its two buffers only.

local M = {}

---@class (private) fimbria.ChatKey
---@field [1] string key
---@field [2] string what it does
---@field [3] fun()

---@param name string
---@return fun()
local function command(name)
  return function()
    require('fimbria.chat_commands').run_alone(name)
  end
end

---@param name string
---@param argument? string
---@return fun()
local function with_answer(name, argument)
  return function()
    require('fimbria.chat_code')[name](argument)
  end
end

---@type fimbria.ChatKey[] what can be done where the conversation is shown
local KEYS = {
  { '.', 'ask the last question again', command('again') },
  { 'cc', 'change the question at the cursor', command('edit') },
  { 'o', 'go on with an earlier conversation', command('list') },
  { 'O', 'begin a new conversation', command('new') },
  { 'R', 'rename the conversation', command('rename') },
  { 'D', 'delete the conversation', command('delete') },
  { 'gy', 'yank the code block', with_answer('yank_block') },
  { 'gY', 'yank the answer', with_answer('yank_answer') },
  { 'ga', 'apply the code block where it belongs', with_answer('apply_block', 'diff') },
  { 'gi', 'insert the code block at the cursor of the file', with_answer('apply_block', 'insert') },
}

---@class (private) fimbria.ChatActions
---@field send fun()
---@field stop fun()
---@field close fun()

---@param bufnr integer
---@param modes string[]
---@param key string
---@param what string
---@param run fun()
local function map(bufnr, modes, key, what, run)
  local options = { buffer = bufnr, nowait = true, desc = 'Fimbria chat: ' .. what }
  vim.keymap.set(modes, key, run, options)
end

--- Close a window once another one is entered.
---@param win integer
---@param bufnr integer
local function close_when_left(win, bufnr)
  vim.api.nvim_create_autocmd('WinLeave', {
    buffer = bufnr,
    once = true,
    callback = vim.schedule_wrap(function()
      if vim.api.nvim_win_is_valid(win) then
        vim.api.nvim_win_close(win, true)
      end
    end),
  })
end

--- Say what the keys do, in a window above the others.
local function help()
  local lines = {} ---@type string[]
  for _, key in ipairs(KEYS) do
    lines[#lines + 1] = (' %-4s%s '):format(key[1], key[2])
  end
  lines[#lines + 1] = ' q   close the chat '
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, true, lines)
  vim.bo[bufnr].modifiable, vim.bo[bufnr].bufhidden = false, 'wipe'
  local width = vim.iter(lines):map(vim.api.nvim_strwidth):fold(0, math.max)
  local win = vim.api.nvim_open_win(bufnr, true, {
    relative = 'editor',
    style = 'minimal',
    border = 'rounded',
    title = ' q closes this ',
    row = math.max(0, math.floor((vim.o.lines - #lines) / 2) - 1),
    col = math.max(0, math.floor((vim.o.columns - width) / 2) - 1),
    width = math.min(width, math.max(1, vim.o.columns - 2)),
    height = math.min(#lines, math.max(1, vim.o.lines - 4)),
  })
  close_when_left(win, bufnr)
  for _, key in ipairs({ 'q', '<Esc>', 'g?' }) do
    map(bufnr, { 'n' }, key, 'close these keys', vim.cmd.close)
  end
end

--- Map the keys of the buffers in which things were said and in which something is written.
---@param said integer
---@param input integer
---@param actions fimbria.ChatActions
function M.map(said, input, actions)
  map(input, { 'n', 'i' }, '<CR>', 'send', actions.send)
  for _, bufnr in ipairs({ said, input }) do
    map(bufnr, { 'n', 'i' }, '<C-c>', 'stop the answer', actions.stop)
    map(bufnr, { 'n' }, 'q', 'close', actions.close)
  end
  for _, key in ipairs(KEYS) do
    map(said, { 'n' }, key[1], key[2], key[3])
  end
  map(said, { 'n' }, 'g?', 'say what the keys do', help)
end

return M
