--- How Neovim starts Fimbria's language server. What you give to `vim.lsp.config('fimbria', …)` goes on top of this.

---@type string|string[]
local command = vim.g.fimbria_cmd or 'fimbria'
if type(command) == 'string' then
  command = { vim.fs.normalize(command) }
end

---@type vim.lsp.Config
return {
  cmd = vim.list_extend(vim.list_slice(command), { 'lsp' }),
  -- What the embedded starter model was trained on. Larger models know more languages.
  filetypes = { 'python' },
  root_markers = { '.fimbria.toml', '.git', 'pyproject.toml' },
}
