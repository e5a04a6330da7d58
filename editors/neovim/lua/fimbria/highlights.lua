--- The colour of ghost text.

local M = {}

--- The colour that Neovim has for this. Its own scheme gives `ComplHint` none in terminals without
--- true colour, and the ghost text would look as if it had been typed.
---@return vim.api.keyset.highlight
local function colour()
  local hint = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'NonText'
  local highlight = vim.api.nvim_get_hl(0, { name = hint, link = false })
  if highlight.ctermfg or not vim.tbl_isempty(highlight.cterm or {}) then
    return { link = hint }
  end
  highlight.ctermfg = 'DarkGrey'
  return highlight --[[@as vim.api.keyset.highlight]]
end

local function give_colour()
  local ghost = vim.tbl_extend('force', colour(), { default = true })
  vim.api.nvim_set_hl(0, 'FimbriaGhost', ghost)
  vim.api.nvim_set_hl(0, 'FimbriaGhostMore', { default = true, link = 'FimbriaGhost' })
end

--- Define the groups, now and after each change of the colour scheme.
function M.define()
  local group = vim.api.nvim_create_augroup('fimbria.highlights', {})
  vim.api.nvim_create_autocmd('ColorScheme', { group = group, callback = give_colour })
  give_colour()
end

return M
