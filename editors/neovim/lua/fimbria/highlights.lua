--- The colour of ghost text.

local M = {}

--- Neovim's own scheme gives `ComplHint` no colour in terminals without true colour, and the ghost text would look
--- as if it had been typed.
local function give_colour()
  local hint = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'NonText'
  vim.api.nvim_set_hl(0, 'FimbriaGhost', { default = true, link = hint })
  vim.api.nvim_set_hl(0, 'FimbriaGhostMore', { default = true, link = 'FimbriaGhost' })
  local highlight = vim.api.nvim_get_hl(0, { name = hint, link = false })
  if not highlight.ctermfg and vim.tbl_isempty(highlight.cterm or {}) then
    highlight.ctermfg = 'DarkGrey'
    vim.api.nvim_set_hl(0, hint, highlight --[[@as vim.api.keyset.highlight]])
  end
end

--- Define the groups, now and after each change of the colour scheme.
function M.define()
  local group = vim.api.nvim_create_augroup('fimbria.highlights', {})
  vim.api.nvim_create_autocmd('ColorScheme', { group = group, callback = give_colour })
  give_colour()
end

return M
