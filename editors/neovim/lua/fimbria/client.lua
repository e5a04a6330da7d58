--- Fimbria's language server: how it is started, and started again when it has crashed.

local program = require('fimbria.program')

local M = {}

M.NAME = 'fimbria'
local MAX_CRASHES = 5
local STEADY_S = 60

---@class (private) fimbria.Run
---@field crashes integer in a row
---@field started number in seconds
---@field restarting boolean
---@type fimbria.Run
local run = { crashes = 0, started = 0, restarting = false }

--- What was found last for a project; Neovim 0.11 does not say which one a server is started for.
---@type string[]?
local found

---@return number seconds
local function now()
  return vim.uv.hrtime() / 1e9
end

---@param text string
---@param level? integer
local function tell(text, level)
  vim.schedule(function()
    vim.notify('Fimbria: ' .. text, level or vim.log.levels.WARN)
  end)
end

--- The project of a buffer, if the server can be started for it; else the user is told once why not.
---@param bufnr integer
---@param on_dir fun(root?: string)
local function root_dir(bufnr, on_dir)
  local root = vim.fs.root(bufnr, require('fimbria.config').get().root_markers)
  if vim.lsp.config[M.NAME].cmd == M._start then
    local why ---@type string
    found, why = program.find(root)
    if not found then
      require('fimbria.status').failed(why)
      -- Later: beside the message about the opened file it would have to be acknowledged.
      vim.schedule(function()
        vim.notify_once('Fimbria: ' .. why, vim.log.levels.WARN)
      end)
      return
    end
  end
  on_dir(root)
end

---@package
---@param dispatchers vim.lsp.rpc.Dispatchers
---@param config? vim.lsp.ClientConfig
---@return vim.lsp.rpc.PublicClient
function M._start(dispatchers, config)
  local argv = config and program.find(config.root_dir) or found or { 'fimbria' }
  local command = vim.list_extend(vim.list_slice(argv), { 'lsp' })
  return vim.lsp.rpc.start(command, dispatchers, {
    cwd = config and config.cmd_cwd,
    env = config and config.cmd_env,
    detached = config and config.detached,
  })
end

---@param code integer
---@param signal integer
---@param client_id integer
local function ended(code, signal, client_id)
  require('fimbria.work').forget(client_id)
  vim.schedule(function()
    if vim.v.exiting ~= vim.NIL then
      return
    end
    local others = vim.tbl_filter(function(client)
      return client.id ~= client_id
    end, vim.lsp.get_clients({ name = M.NAME }))
    if run.restarting and #others == 0 then
      run.restarting = false
      M.enable()
    elseif run.restarting then
      return
    elseif code ~= 0 or signal ~= 0 then
      M._crashed(signal ~= 0 and ('signal %d'):format(signal) or ('status %d'):format(code))
    end
  end)
end

--- Start the server again after a while that doubles from crash to crash.
---@package
---@param how string
function M._crashed(how)
  run.crashes = now() - run.started > STEADY_S and 1 or run.crashes + 1
  if run.crashes > MAX_CRASHES then
    local text = ('the server ended %d times (%s); see :Fimbria log, then :Fimbria restart'):format(
      run.crashes,
      how
    )
    require('fimbria.status').failed(text)
    tell(text, vim.log.levels.ERROR)
    return
  end
  vim.defer_fn(M.enable, 250 * 2 ^ run.crashes)
end

--- The server's part of `lsp/fimbria.lua`.
---@return vim.lsp.Config
function M.lsp_config()
  local options = require('fimbria.config').get()
  return {
    cmd = M._start,
    filetypes = options.filetypes,
    root_dir = root_dir,
    capabilities = {
      textDocument = { inlineCompletion = { dynamicRegistration = false } },
      experimental = { fimbria = { askInstruction = true } },
    },
    commands = {
      ['fimbria.askInstruction'] = function(command, context)
        require('fimbria.actions').ask_instruction(command, context)
      end,
    },
    before_init = function(params, config)
      local wanted = vim.tbl_get(config.init_options or {}, 'fimbria') or {}
      local server = require('fimbria.config').get().server
      params.initializationOptions =
        { fimbria = vim.tbl_extend('force', vim.empty_dict(), server, wanted) }
    end,
    on_init = function(client)
      run.started = now()
      require('fimbria.diagnostics').add_to_requests(client)
      require('fimbria.undo').separate_actions(client)
    end,
    on_attach = function(client, bufnr)
      require('fimbria.ghost').attach(client, bufnr)
    end,
    on_exit = ended,
    handlers = {
      ['window/showMessage'] = require('fimbria.status').on_message,
      ['$/progress'] = function(err, params, ctx)
        return require('fimbria.chat').on_progress(err, params, ctx)
      end,
    },
  }
end

--- Start the server for the buffers that are open, and for those that will be.
function M.enable()
  -- What Neovim has kept of an earlier configuration does not hold any more.
  vim.lsp.config(M.NAME, {})
  vim.lsp.enable(M.NAME)
end

--- The client that answers for a buffer.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.of(bufnr)
  return vim.lsp.get_clients({ bufnr = bufnr or 0, name = M.NAME })[1]
end

--- Call something once a server answers for a buffer: at once, or when the one that is starting does.
---@param bufnr integer
---@param call fun(client: vim.lsp.Client)
function M.with(bufnr, call)
  local client = M.of(bufnr)
  if client then
    call(client)
    return
  end
  local filetypes = require('fimbria.config').get().filetypes
  if not vim.tbl_contains(filetypes, vim.bo[bufnr].filetype) or vim.bo[bufnr].buftype ~= '' then
    tell('not at work in this file')
    return
  elseif require('fimbria.status').get().state == 'error' or not vim.lsp.is_enabled(M.NAME) then
    tell('no server here; :Fimbria health tells why')
    return
  end
  tell('starting …', vim.log.levels.INFO)
  vim.api.nvim_create_autocmd('LspAttach', {
    buffer = bufnr,
    callback = function(event)
      local attached = vim.lsp.get_client_by_id(event.data.client_id)
      if not attached or attached.name ~= M.NAME then
        return false
      end
      vim.schedule(function()
        if vim.api.nvim_get_current_buf() == bufnr and not attached:is_stopped() then
          call(attached)
        end
      end)
      return true
    end,
  })
end

--- End all servers.
---@return integer count
function M.stop()
  local clients = vim.lsp.get_clients({ name = M.NAME })
  for _, client in ipairs(clients) do
    client:stop()
    vim.defer_fn(function()
      if not client:is_stopped() then
        client:stop(true)
      end
    end, 3000)
  end
  return #clients
end

--- End all servers and start them anew.
function M.restart()
  run.crashes = 0
  require('fimbria.status').recovered()
  run.restarting = M.stop() > 0
  if not run.restarting then
    M.enable()
  end
end

--- Give the running servers other settings.
---@param settings table<string, any> as in the server's config.toml
function M.configure(settings)
  local server = require('fimbria.config').get().server
  for name, value in pairs(settings) do
    server[name] = value
  end
  for _, client in ipairs(vim.lsp.get_clients({ name = M.NAME })) do
    client:notify('workspace/didChangeConfiguration', { settings = { fimbria = settings } })
  end
end

return M
