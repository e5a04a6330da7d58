--- Defines `:Fimbria`, and starts with the defaults where nobody calls `setup()`.

if vim.g.loaded_fimbria then
  return
end
vim.g.loaded_fimbria = true

vim.api.nvim_create_user_command('Fimbria', function(arguments)
  require('fimbria.commands').run(arguments)
end, {
  nargs = '*',
  range = true,
  desc = 'Fimbria: ghost text, chat and code actions',
  complete = function(typed, line)
    return require('fimbria.commands').complete(typed, line)
  end,
})

local function start()
  local fimbria = require('fimbria')
  if not fimbria.is_set_up() then
    fimbria.setup()
  end
end

-- Later than init.lua and than a plugin manager's `config`, so that a call there is the first.
if vim.v.vim_did_enter == 1 then
  vim.schedule(start)
else
  vim.api.nvim_create_autocmd('VimEnter', { once = true, callback = start })
end
