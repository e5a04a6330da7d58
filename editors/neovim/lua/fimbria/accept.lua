--- Accepting ghost text: all of it, its next word, its next line.

local ghost = require('fimbria.ghost')
local undo = require('fimbria.undo')

local M = {}

local api = vim.api

-- A word with the blanks before it, a run of other characters likewise, or, at a line's end, the
-- line break and the next line's indentation with its first word.
local WORD = [=[\v^\_s*%(\k+|%(\k@![^[:space:]])+|$)]=]
local LINE = [=[\v^\n?[^\n]*]=]

---@alias fimbria.AcceptKind 'all'|'word'|'line'

---@param text string
---@param kind fimbria.AcceptKind
---@return string
local function part_of(text, kind)
  if kind == 'all' then
    return text
  end
  local part = vim.fn.matchstr(text, kind == 'word' and WORD or LINE)
  return part ~= '' and part or text
end

---@param row integer
---@param col integer
---@param stop integer where the part that is replaced ends
---@param text string
local function insert(row, col, stop, text)
  local lines = vim.split(text, '\n', { plain = true })
  api.nvim_buf_set_text(0, row, col, row, stop, lines)
  local end_col = #lines[#lines] + (#lines == 1 and col or 0)
  api.nvim_win_set_cursor(0, { row + #lines, end_col })
end

--- Call something that inserts a text, and have `.` repeat that text together with what is typed
--- around it: of what is inserted by itself only a paste belongs to the insertion. How the user
--- pastes is no matter here.
---@param text string
---@param change fun()
local function as_paste(text, change)
  local paste = vim.paste
  ---@diagnostic disable-next-line: duplicate-set-field
  function vim.paste()
    change()
    return true
  end
  local ok, failure = pcall(api.nvim_paste, text, false, -1)
  vim.paste = paste
  if not ok then
    error(failure, 0)
  end
end

--- Accept the ghost text of the current buffer, as it is drawn.
---@param kind fimbria.AcceptKind
---@return boolean accepted whether there was any
function M.accept(kind)
  local rest = ghost.visible()
  if not rest then
    return false
  end
  local bufnr = api.nvim_get_current_buf()
  local text = part_of(rest.text, kind)
  local is_whole = text == rest.text
  -- Undo takes back the accepted text, and neither what was typed before it nor after it.
  undo.begin_step()
  as_paste(text, function()
    insert(rest.row, rest.col, rest.col + (is_whole and rest.covered or 0), text)
  end)
  undo.begin_step()
  if is_whole then
    ghost.accepted()
    local client = vim.lsp.get_client_by_id(rest.suggestion.client_id)
    local command = rest.suggestion.item.command
    if client and command then
      client:exec_cmd(command, { bufnr = bufnr })
    end
  else
    ghost.refresh()
    require('fimbria.events').accepted_part(rest.suggestion, text)
  end
  return true
end

return M
