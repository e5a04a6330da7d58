--- Starts Fimbria in the buffers that it knows, and turns ghost text on there.

if vim.g.loaded_fimbria then
  return
end
vim.g.loaded_fimbria = true

if vim.fn.has('nvim-0.12') == 0 then
  vim.notify(
    'Fimbria needs Neovim 0.12 or newer; this is ' .. tostring(vim.version()),
    vim.log.levels.WARN
  )
  return
end

local group = vim.api.nvim_create_augroup('fimbria', {})

--- Say what to do when the server is not to be found; Neovim itself only writes that into a log file.
---@param filetype string
local function check_server(filetype)
  local config = vim.lsp.config.fimbria
  local cmd = config.cmd
  if type(cmd) ~= 'table' or not vim.list_contains(config.filetypes or {}, filetype) then
    return
  end
  if vim.fn.executable(cmd[1]) == 0 then
    -- Later, and short: beside the message about the opened file it would have to be acknowledged.
    local message = 'Fimbria: no program `%s`: install it or set vim.g.fimbria_cmd'
    vim.schedule(function()
      vim.notify_once(message:format(cmd[1]), vim.log.levels.WARN)
    end)
  end
end

--- Give ghost text a colour in terminals without true colour too: Neovim's own scheme has none for them, and the ghost text would
--- look as if it had been typed.
local function dim_ghost_text()
  local highlight = vim.api.nvim_get_hl(0, { name = 'ComplHint', link = false })
  if not highlight.ctermfg and vim.tbl_isempty(highlight.cterm or {}) then
    highlight.ctermfg = 'DarkGrey'
    vim.api.nvim_set_hl(0, 'ComplHint', highlight)
  end
end

vim.api.nvim_create_autocmd('ColorScheme', { group = group, callback = dim_ghost_text })
dim_ghost_text()

vim.api.nvim_create_autocmd('FileType', {
  group = group,
  callback = function(event)
    check_server(event.match)
  end,
})

vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'fimbria' then
      require('fimbria').attach(client, event.buf)
    end
  end,
})

vim.lsp.enable('fimbria')
if vim.v.vim_did_enter == 1 then
  check_server(vim.bo.filetype)
end
