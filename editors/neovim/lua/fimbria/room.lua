--- Where on the screen there is room for ghost text in the current window.

local M = {}

local api = vim.api

--- A part of a line that is on one row of the screen.
---@class fimbria.Place
---@field col integer its first byte
---@field cells integer

---@return vim.fn.getwininfo.ret.item
local function window()
  return vim.fn.getwininfo(api.nvim_get_current_win())[1]
end

--- How many cells a row has for text.
---@return integer
function M.width()
  local info = window()
  return math.max(1, info.width - info.textoff)
end

--- Where a part of a line stands.
---@param text string not empty: else there is no place
---@param col integer its first byte
---@param column integer of the screen where it begins, as if the line were not wrapped
---@return fimbria.Place[]? places nil where only Neovim knows
function M.places(text, col, column)
  local width = M.width()
  local cells = vim.fn.strdisplaywidth(text, column)
  if text == '' then
    return {}
  elseif not vim.wo.wrap or column % width + cells <= width then
    return { { col = col, cells = cells } }
  elseif vim.wo.linebreak or vim.wo.breakindent or vim.wo.showbreak ~= '' then
    return nil
  end
  local places = {} ---@type fimbria.Place[]
  for _, char in ipairs(vim.fn.split(text, '\\zs')) do
    local num_cells = vim.fn.strdisplaywidth(char, column)
    local left = width - column % width
    if num_cells == 2 and left == 1 then
      -- A wide character has no room at the end of a row.
      column, left = column + 1, width
    end
    if #places == 0 or left == width then
      places[#places + 1] = { col = col, cells = 0 }
    end
    local place = places[#places]
    place.cells = place.cells + math.min(num_cells, left)
    col, column = col + #char, column + num_cells
    if #places > vim.o.lines then
      break
    end
  end
  return places
end

---@param first integer row of the buffer, from 0
---@param last integer
---@return integer rows of the screen
local function height(first, last)
  return api.nvim_win_text_height(0, { start_row = first, end_row = last }).all
end

--- Have rows below the cursor's line in the window. Neovim does not scroll for lines that are only
--- drawn.
---@param row integer of the cursor, from 0
---@param wanted integer how many
---@return integer found for how many there is room
function M.below(row, wanted)
  local available = window().height
  local top = vim.fn.line('w0')
  local missing = height(top - 1, row) + wanted - available
  if missing <= 0 then
    return wanted
  end
  -- What Neovim wants to see above the cursor it would scroll back to.
  local last_top = row + 1 - math.min(vim.wo.scrolloff, math.floor((available - 1) / 2))
  local wanted_top = top
  while missing > 0 and wanted_top < last_top do
    local last = math.max(wanted_top, vim.fn.foldclosedend(wanted_top))
    missing = missing - height(wanted_top - 1, last - 1)
    wanted_top = last + 1
  end
  if wanted_top ~= top then
    vim.fn.winrestview({ topline = wanted_top })
  end
  return math.max(0, wanted - math.max(0, missing))
end

return M
