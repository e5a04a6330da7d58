--- `:checkhealth fimbria`: what is there, what is missing, and what to do about it.

local M = {}

local health = vim.health

local function check_neovim()
  health.start('Neovim')
  if vim.fn.has('nvim-0.12') == 1 then
    health.ok(tostring(vim.version()))
  elseif vim.fn.has('nvim-0.11') == 1 then
    health.ok(tostring(vim.version()) .. ' (0.12 has better built-in support)')
  else
    health.error(tostring(vim.version()) .. ' is too old', { 'Install Neovim 0.11 or newer.' })
  end
  if not vim.o.termguicolors and vim.fn.has('gui_running') == 0 then
    health.info("'termguicolors' is off: ghost text has the colour of ctermfg in `FimbriaGhost`")
  end
end

---@param command string[]
---@return string? output, string? failure
local function run(command)
  local ok, result = pcall(function()
    return vim.system(command, { text = true, timeout = 20000 }):wait()
  end)
  if not ok then
    return nil, tostring(result)
  elseif result.code ~= 0 then
    return nil, vim.trim(result.stderr or '')
  end
  return vim.trim(result.stdout or '')
end

local function check_program()
  health.start('The `fimbria` command')
  local root = require('fimbria.program').root(0)
  local command, where = require('fimbria.program').find(root, { may_ask = false })
  if not command then
    local tried = vim.tbl_map(function(place)
      return ('%s: %s'):format(place.what, place.path ~= '' and place.path or 'not there')
    end, require('fimbria.program').places(root))
    local advice = {
      'Install it: `pipx install .` in a checkout of Fimbria.',
      "Or name it: require('fimbria').setup({ cmd = '/path/to/fimbria' })",
    }
    health.error(where, vim.list_extend(advice, tried))
    return
  end
  health.ok(('%s (%s)'):format(table.concat(command, ' '), where))
  local version, failure = run(vim.list_extend(vim.list_slice(command), { '--version' }))
  if version then
    health.ok(version)
  else
    health.error('It does not run: ' .. failure, { 'Run `fimbria doctor` in a terminal.' })
  end
end

--- What of the user's stands in the way of what the plugin does with its client.
local function check_configuration()
  local cmd = vim.lsp.config.fimbria.cmd
  if cmd ~= require('fimbria.client')._start then
    health.warn('vim.lsp.config() names another `cmd`: ' .. vim.inspect(cmd), {
      'It is started as it is, and not again after a crash. The option `cmd` is.',
    })
  end
end

local SEE_LOG = ':Fimbria log shows what it last wrote.'

---@return boolean has_failed
local function check_failure()
  local status = require('fimbria.status').get()
  local why = status.state == 'error' and status.message or nil
  if require('fimbria.restarts').has_given_up() then
    local reason = why or 'it has ended again and again'
    health.error('left off: ' .. reason, { ':Fimbria restart tries again.', SEE_LOG })
    return true
  elseif why then
    health.error(why, { 'Run `fimbria doctor` in a terminal.' })
  end
  return why ~= nil
end

local function check_server()
  health.start('The language server')
  check_configuration()
  local clients = vim.lsp.get_clients({ name = 'fimbria' })
  for _, client in ipairs(clients) do
    local folder = client.root_dir or 'no project'
    local count = vim.tbl_count(client.attached_buffers)
    health.ok(('%s: %d buffers, %s'):format(folder, count, client.offset_encoding))
    if not client.server_capabilities.inlineCompletionProvider then
      health.error('This server has no ghost text', { 'Update Fimbria.' })
    end
  end
  if not check_failure() and #clients == 0 then
    local filetypes = require('fimbria.config').get().filetypes
    health.warn('not running', {
      'It starts with the first file of these types: ' .. table.concat(filetypes, ', '),
      SEE_LOG,
    })
  end
end

--- The ghost text of a completion plugin shows its selected entry, at the same place.
---@param name string
---@param is_on fun(): any
local function check_menu(name, is_on)
  local known, answer = pcall(is_on)
  if known and type(answer) == 'function' then
    known, answer = pcall(answer)
  end
  if known and answer then
    health.warn(name .. ' draws ghost text, too', { 'See :help fimbria-menus.' })
  end
end

local function check_menus()
  check_menu('blink.cmp', function()
    return package.loaded['blink.cmp'] and require('blink.cmp.config').completion.ghost_text.enabled
  end)
  check_menu('nvim-cmp', function()
    return package.loaded['cmp'] and require('cmp').get_config().experimental.ghost_text
  end)
end

local function check_ghost_text()
  health.start('Ghost text')
  local options = require('fimbria.config').get().ghost
  health.info(
    options.hide_with_menu and 'hidden while a completion menu is open'
      or 'shown beside an open completion menu'
  )
  for _, name in ipairs({ 'copilot', 'supermaven-nvim', 'codeium', 'llama' }) do
    if package.loaded[name] or vim.g['loaded_' .. name] then
      health.warn(name .. ' draws ghost text, too', { 'Turn one of the two off.' })
    end
  end
  check_menus()
end

local function check_keys()
  health.start('Keys')
  local keymaps = require('fimbria.config').get().keymaps
  if not keymaps then
    health.info('none are mapped (`keymaps = false`)')
    return
  end
  for name, key in
    vim.spairs(keymaps --[[@as table<string, string|false>]])
  do
    local mapping = key and vim.fn.maparg(key, 'i', false, true)
    local former = mapping and not vim.tbl_isempty(mapping) and mapping.buffer == 0
    local note = former and '; where there is no ghost text, what you have mapped it to' or ''
    health.info(key and ('%s: %s%s'):format(key, name, note) or ('%s: no key'):format(name))
  end
end

local function check_help()
  health.start('The help')
  if #vim.api.nvim_get_runtime_file('doc/fimbria.txt', true) == 0 then
    health.warn("doc/fimbria.txt is not on 'runtimepath'")
  elseif not vim.list_contains(vim.fn.getcompletion('fimbria', 'help'), 'fimbria') then
    health.warn(':help fimbria does not find it', { 'Run :helptags ALL.' })
  else
    health.ok(':help fimbria')
  end
end

--- What `:checkhealth fimbria` runs.
function M.check()
  check_neovim()
  check_program()
  check_server()
  check_ghost_text()
  check_keys()
  check_help()
end

return M
