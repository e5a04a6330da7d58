--- Draws ghost text.

local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace('fimbria.ghost')
local GHOST, MORE = 'FimbriaGhost', 'FimbriaGhostMore'
-- Combined with what is there, ghost text behind a bracket would get the colours of the matching pair.
local HL_MODE = 'replace'

--- As it is drawn: tabs as the blanks that they will be, and no control characters.
---@param text string one line
---@param column integer of the screen, from 0, where it begins
---@param bufnr integer
---@return string
local function printable(text, column, bufnr)
  text = text:gsub('\r$', '')
  local width = vim.bo[bufnr].tabstop
  while true do
    local tab = text:find('\t', 1, true)
    if not tab then
      return vim.fn.strtrans(text)
    end
    local at = column + vim.fn.strdisplaywidth(text:sub(1, tab - 1), column)
    text = text:sub(1, tab - 1) .. (' '):rep(width - at % width) .. text:sub(tab + 1)
  end
end

--- The first row where the ghost text covers something: drawn over it as far as that reaches, the rest before what
--- follows, so that the line looks as it will.
---@param rest fimbria.Rest
---@param bufnr integer
---@param text string
---@param covered integer
---@return string more what comes behind what is covered
local function draw_over(rest, bufnr, text, covered)
  local hidden = rest.after:sub(1, covered)
  local cells = vim.fn.strdisplaywidth(hidden)
  local over, num_over = '', 0
  for _, char in ipairs(vim.fn.split(text, '\\zs')) do
    local width = api.nvim_strwidth(char)
    if num_over + width > cells then
      break
    end
    over, num_over = over .. char, num_over + width
  end
  local more = text:sub(#over + 1)
  -- Blanks hide what the ghost text is too short for.
  over = over .. (' '):rep(cells - num_over)
  api.nvim_buf_set_extmark(bufnr, namespace, rest.row, rest.col, {
    id = 2,
    virt_text = { { over, GHOST } },
    virt_text_pos = 'overlay',
    hl_mode = HL_MODE,
    undo_restore = false,
  })
  return more
end

--- Draw what is left of a suggestion at the cursor.
---@param bufnr integer
---@param rest fimbria.Rest
---@param hint? string behind it: which of how many candidates this is
function M.draw(bufnr, rest, hint)
  local lines = vim.split(rest.text, '\n', { plain = true })
  local line = api.nvim_buf_get_lines(bufnr, rest.row, rest.row + 1, false)[1] or ''
  local column = vim.fn.strdisplaywidth(line:sub(1, rest.col))
  -- What follows the cursor goes to the end of several lines.
  local covered = #lines > 1 and #rest.after or rest.covered
  local first = printable(lines[1], column, bufnr)
  if #lines == 1 and covered > 0 and vim.endswith(first, rest.after:sub(1, covered)) then
    -- A closing bracket, most often: it stays as it is, the text comes before it.
    first, covered = first:sub(1, #first - covered), 0
  end
  local mark_col = rest.col
  if covered > 0 then
    first = draw_over(rest, bufnr, first, covered)
    mark_col = rest.col + covered
  else
    api.nvim_buf_del_extmark(bufnr, namespace, 2)
  end
  local below = {} ---@type [string, string][][]
  for i = 2, #lines do
    below[i - 1] = { { printable(lines[i], 0, bufnr), GHOST } }
  end
  local last = below[#below]
  local tail = rest.after:sub(rest.covered + 1)
  if last and tail ~= '' then
    last[2] = { printable(tail, vim.fn.strdisplaywidth(last[1][1]), bufnr) }
  end
  local virt_text = { { first, GHOST } }
  if hint then
    table.insert(last or virt_text, { hint, MORE })
  end
  api.nvim_buf_set_extmark(bufnr, namespace, rest.row, mark_col, {
    id = 1,
    virt_text = virt_text,
    virt_text_pos = 'inline',
    virt_lines = #below > 0 and below or nil,
    hl_mode = HL_MODE,
    undo_restore = false,
  })
end

--- Take the ghost text of a buffer away.
---@param bufnr integer
function M.clear(bufnr)
  if api.nvim_buf_is_valid(bufnr) then
    api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

return M
