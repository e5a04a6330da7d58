--- The chat's two windows: what was said, as Markdown, and below it a few lines to write in.

local M = {}

local api = vim.api

---@class fimbria.ChatEvents
---@field send fun(text: string): boolean returns whether it was sent
---@field stop fun()
---@field show_all fun() shows what was said in a buffer that is new

---@class fimbria.ChatView
---@field said integer buffer
---@field input integer buffer
---@field starts integer[] the line above each question
---@field title string of the conversation
---@field hint string about what is written
---@field events fimbria.ChatEvents

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
local function send(chat)
  local text = vim.trim(table.concat(api.nvim_buf_get_lines(chat.input, 0, -1, true), '\n'))
  if text ~= '' and chat.events.send(text) then
    api.nvim_buf_set_lines(chat.input, 0, -1, true, {})
  end
end

---@param chat fimbria.ChatView
local function map_keys(chat)
  require('fimbria.chat_keys').map(chat.said, chat.input, {
    send = function()
      send(chat)
    end,
    stop = chat.events.stop,
    close = M.close,
  })
end

--- Show the title and what goes for the text that is written above the windows.
---@param chat fimbria.ChatView
local function draw_bars(chat)
  local said, input = window_of(chat.said), window_of(chat.input)
  local title, hint = chat.title:gsub('%%', '%%%%'), chat.hint:gsub('%%', '%%%%')
  if said then
    vim.wo[said][0].winbar = (' %%<%s%%=g? for keys '):format(title)
  end
  if input then
    vim.wo[input][0].winbar = hint
  end
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
    local options = vim.wo[win][0]
    options.number, options.relativenumber = false, false
    options.wrap, options.linebreak = true, true
    options.signcolumn = 'no'
  end
  vim.wo[said][0].conceallevel = 2
  vim.wo[input][0].winfixheight = true
  draw_bars(chat)
end

--- A buffer that the user may have wiped out.
---@param bufnr? integer
---@param name string
---@return integer
local function kept(bufnr, name)
  return bufnr and api.nvim_buf_is_valid(bufnr) and bufnr or scratch(name)
end

--- Show the windows, or go to the one that is written in.
---@param chat fimbria.ChatView
local function go_there(chat)
  local input = window_of(chat.input)
  if input and window_of(chat.said) then
    api.nvim_set_current_win(input)
  else
    M.close()
    show(chat)
  end
  vim.cmd.startinsert()
end

--- Open the chat, or go to it, ready to write.
---@param events fimbria.ChatEvents
function M.open(events)
  local before = view or { starts = {}, title = '', hint = '' }
  local said = kept(before.said, 'fimbria://chat')
  local input = kept(before.input, 'fimbria://chat-input')
  if said ~= before.said or input ~= before.input then
    view = vim.tbl_extend('force', before, { said = said, input = input, events = events })
    vim.bo[view.said].modifiable = false
    map_keys(view)
  end
  if said ~= before.said then
    events.show_all()
  end
  go_there(view --[[@as fimbria.ChatView]])
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

--- Whether it is in a window of this tab page.
---@return boolean
function M.is_shown()
  return view ~= nil and window_of(view.said) ~= nil
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

--- Write a question, below which its answer is going to be.
---@param turn fimbria.ChatTurn
function M.begin(turn)
  local bufnr = M.buffer()
  if view and bufnr then
    view.starts[#view.starts + 1] = api.nvim_buf_line_count(bufnr)
    M.append(('\n## You\n\n%s\n\n## Fimbria\n\n'):format(turn.question))
  end
end

--- Show these turns in the place of what was said.
---@param turns fimbria.ChatTurn[]
function M.show(turns)
  local bufnr = M.buffer()
  if not view or not bufnr then
    return
  end
  view.starts = {}
  vim.bo[bufnr].modifiable = true
  api.nvim_buf_set_lines(bufnr, 0, -1, true, {})
  vim.bo[bufnr].modifiable = false
  for _, turn in ipairs(turns) do
    M.begin(turn)
    M.append(turn.notes .. turn.answer .. turn.ending)
  end
end

--- The number of the turn at the cursor, or of the first one below it.
---@return integer? number nil where it is not shown
function M.turn_at_cursor()
  local win = view and window_of(view.said)
  if not view or not win then
    return nil
  end
  local row = api.nvim_win_get_cursor(win)[1]
  local found = 1
  for number, start in ipairs(view.starts) do
    found = start <= row and number or found
  end
  return found
end

---@param title string
function M.set_title(title)
  if view then
    view.title = title
    draw_bars(view)
  end
end

--- Say something about what is being written; empty, nothing is said.
---@param hint string
function M.set_hint(hint)
  if view then
    view.hint = hint
    draw_bars(view)
  end
end

--- Have some text in the place of what is being written.
---@param text string
function M.write(text)
  local win = view and window_of(view.input)
  if view and win then
    local lines = vim.split(text, '\n')
    api.nvim_buf_set_lines(view.input, 0, -1, true, lines)
    api.nvim_win_set_cursor(win, { #lines, #lines[#lines] })
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
