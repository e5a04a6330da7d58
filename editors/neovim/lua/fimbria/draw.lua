--- Draws ghost text: as the lines will look when it is accepted.

local room = require('fimbria.room')

local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace('fimbria.ghost')
local GHOST, MORE = 'FimbriaGhost', 'FimbriaGhostMore'
-- Combined with what is there, ghost text behind a bracket would get the colours of the matching
-- pair.
local HL_MODE = 'replace'

---@alias fimbria.Chunk { [1]: string, [2]: string? } text and its highlight

--- As it is drawn: tabs as the blanks that they will be, and no control characters.
---@param text string one line
---@param column integer of the screen, from 0, where it begins
---@return string
local function printable(text, column)
  text = text:gsub('\r$', '')
  while true do
    local tab = text:find('\t', 1, true)
    if not tab then
      return vim.fn.strtrans(text)
    end
    local at = column + vim.fn.strdisplaywidth(text:sub(1, tab - 1), column)
    text = text:sub(1, tab - 1) .. (' '):rep(vim.fn.strdisplaywidth('\t', at)) .. text:sub(tab + 1)
  end
end

--- Split a text behind the characters that have room in some cells.
---@param text string
---@param cells integer
---@return string head
---@return string tail
local function split_text(text, cells)
  local num_bytes, width = 0, 0
  for _, char in ipairs(vim.fn.split(text, '\\zs')) do
    width = width + api.nvim_strwidth(char)
    if width > cells then
      break
    end
    num_bytes = num_bytes + #char
  end
  return text:sub(1, num_bytes), text:sub(num_bytes + 1)
end

---@param chunks fimbria.Chunk[]
---@param cells integer
---@return fimbria.Chunk[] head what has room in the cells
---@return fimbria.Chunk[] tail
---@return integer left cells that stay empty
local function split(chunks, cells)
  local head, tail = {}, {} ---@type fimbria.Chunk[], fimbria.Chunk[]
  for _, chunk in ipairs(chunks) do
    local before, after = chunk[1], ''
    if #tail > 0 then
      before, after = '', chunk[1]
    elseif api.nvim_strwidth(before) > cells then
      before, after = split_text(before, cells)
    end
    cells = cells - api.nvim_strwidth(before)
    head[#head + 1] = before ~= '' and { before, chunk[2] } or nil
    tail[#tail + 1] = after ~= '' and { after, chunk[2] } or nil
  end
  return head, tail, cells
end

--- What is drawn from the cursor to the end of its line, and how many bytes behind the cursor it is
--- drawn over.
---@param rest fimbria.Rest
---@param lines string[]
---@param column integer
---@return fimbria.Chunk[]
---@return integer covered
local function first_line(rest, lines, column)
  local text = printable(lines[1], column)
  if #lines > 1 then
    -- What follows the cursor goes to the end of the last line.
    return { { text, GHOST } }, #rest.after
  end
  local hidden = rest.after:sub(1, rest.covered)
  if vim.endswith(text, hidden) then
    -- A closing bracket, most often: it stays as it is, the text comes before it.
    return { { text:sub(1, #text - #hidden), GHOST } }, 0
  end
  local tail = rest.after:sub(rest.covered + 1)
  local width = api.nvim_strwidth(text)
  if tail ~= '' and width < vim.fn.strdisplaywidth(hidden, column) then
    -- What stays moves to the left.
    return { { text, GHOST }, { printable(tail, column + width) } }, #rest.after
  end
  return { { text, GHOST } }, rest.covered
end

--- Draw over what stands there.
---@param bufnr integer
---@param row integer
---@param chunks fimbria.Chunk[]
---@param places fimbria.Place[]
---@return fimbria.Chunk[] more for which there is no room there
local function draw_over(bufnr, row, chunks, places)
  for _, place in ipairs(places) do
    local over, more, left = split(chunks, place.cells)
    -- Blanks hide what the ghost text is too short for.
    over[#over + 1] = { (' '):rep(left), GHOST }
    api.nvim_buf_set_extmark(bufnr, namespace, row, place.col, {
      virt_text = over,
      virt_text_pos = 'overlay',
      hl_mode = HL_MODE,
      undo_restore = false,
    })
    chunks = more
  end
  return chunks
end

--- The rows of the screen below the cursor's line.
---@param lines string[]
---@param tail string of the cursor's line, behind the last one
---@return fimbria.Chunk[][]
local function rows_below(lines, tail)
  local rows = {} ---@type fimbria.Chunk[][]
  local width = vim.wo.wrap and room.width() or math.huge
  for i = 2, #lines do
    local chunks = { { printable(lines[i], 0), GHOST } } ---@type fimbria.Chunk[]
    if i == #lines and tail ~= '' then
      chunks[2] = { printable(tail, api.nvim_strwidth(chunks[1][1])) }
    end
    local row, more = split(chunks, width)
    while #more > 0 and #row > 0 do
      rows[#rows + 1] = row
      row, more = split(more, width)
    end
    -- An empty line, too, has a chunk.
    rows[#rows + 1] = #row > 0 and row or chunks
  end
  return rows
end

--- Say something at the end of a row, also of a full one.
---@param row fimbria.Chunk[]
---@param note string
---@return fimbria.Chunk[]
local function with_note(row, note)
  local head = split(row, math.max(0, room.width() - api.nvim_strwidth(note)))
  head[#head + 1] = { note, MORE }
  return head
end

--- What of the rows below the cursor's line has room in the window, with a note behind the last
--- of them, or behind the line itself.
---@param row integer of the cursor
---@param first fimbria.Chunk[] gets the note where there is nothing below
---@param below fimbria.Chunk[][]
---@param note? string
---@return fimbria.Chunk[][]
local function in_sight(row, first, below, note)
  local num_shown = #below > 0 and room.below(row, #below) or 0
  if num_shown < #below then
    note = (' … +%d lines%s'):format(#below - num_shown, note or '')
    below = vim.list_slice(below, 1, num_shown)
  end
  if note and num_shown > 0 then
    below[num_shown] = with_note(below[num_shown], note)
  elseif note then
    first[#first + 1] = { note, MORE }
  end
  return below
end

--- Draw what is left of a suggestion at the cursor of the current window.
---@param bufnr integer the current buffer
---@param rest fimbria.Rest
---@param hint? string behind it: which of how many candidates this is
function M.draw(bufnr, rest, hint)
  M.clear(bufnr)
  local lines = vim.split(rest.text, '\n', { plain = true })
  local line = api.nvim_buf_get_lines(bufnr, rest.row, rest.row + 1, false)[1] or ''
  local column = vim.fn.strdisplaywidth(line:sub(1, rest.col))
  local first, covered = first_line(rest, lines, column)
  local tail = rest.after:sub(rest.covered + 1)
  local places = room.places(rest.after:sub(1, covered), rest.col, column)
  if places then
    first = draw_over(bufnr, rest.row, first, places)
  else
    first, covered, tail = { first[1] }, 0, ''
  end
  ---@param below? fimbria.Chunk[][]
  ---@param id? integer
  ---@return integer id
  local function mark(below, id)
    return api.nvim_buf_set_extmark(bufnr, namespace, rest.row, rest.col + covered, {
      id = id,
      virt_text = first,
      virt_text_pos = 'inline',
      virt_lines = below and #below > 0 and below or nil,
      hl_mode = HL_MODE,
      undo_restore = false,
    })
  end
  -- At first without the rows below: how high the cursor's own line is counts.
  local id = mark()
  mark(in_sight(rest.row, first, rows_below(lines, tail), hint), id)
end

--- Take the ghost text of a buffer away.
---@param bufnr integer
function M.clear(bufnr)
  if api.nvim_buf_is_valid(bufnr) then
    api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

return M
