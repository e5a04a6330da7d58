--- How Neovim starts Fimbria's server. What you give to `vim.lsp.config('fimbria', …)` goes on top.

return require('fimbria.client').lsp_config()
