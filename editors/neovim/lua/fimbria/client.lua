--- Fimbria's language server as Neovim's client sees it: how it is started, ended and asked.

local processes = require('fimbria.process')
local program = require('fimbria.program')
local restarts = require('fimbria.restarts')
local tell = require('fimbria.tell')
local waiting = require('fimbria.waiting')

local M = {}

M.NAME = 'fimbria'
local KILLED_AFTER_MS = 3000

---@class (private) fimbria.Run
---@field is_wanted boolean the user has not stopped it
---@field restarting boolean all that run are ending, to be started anew
---@type fimbria.Run
local run = { is_wanted = false, restarting = false }

--- What was found last for a project; Neovim 0.11 does not say which one a server is started for.
---@type string[]?
local found

--- The project of a buffer, if the server can be started for it; else the user is told once why
--- not.
---@param bufnr integer
---@param on_dir fun(root?: string)
local function root_dir(bufnr, on_dir)
  if restarts.has_given_up() then
    return
  end
  local root = program.root(bufnr)
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

--- Whether servers are to run.
---@return boolean
local function is_wanted()
  -- Neovim 0.11 cannot tell whether somebody else has disabled it.
  return run.is_wanted and (not vim.lsp.is_enabled or vim.lsp.is_enabled(M.NAME))
end

--- A client's process has ended, and what it was doing with it.
---@param client_id? integer
local function gone(client_id)
  if client_id then
    require('fimbria.work').forget(client_id)
    if package.loaded['fimbria.chat'] then
      require('fimbria.chat').server_ended(client_id)
    end
  end
  local others = vim.tbl_filter(function(client)
    return client.id ~= client_id
  end, vim.lsp.get_clients({ name = M.NAME }))
  if run.restarting and #others == 0 then
    run.restarting = false
    M.enable()
  end
end

---@param process fimbria.Process
---@param code integer
---@param signal integer
local function ended(process, code, signal)
  if vim.v.exiting ~= vim.NIL then
    return
  end
  gone(process.client_id)
  if process.is_asked_to_end or not is_wanted() then
    return
  end
  if not process.is_initialized then
    waiting.drop()
  end
  restarts.failed(process, code, signal, function()
    if is_wanted() then
      M.enable()
    end
  end)
end

---@package
---@param dispatchers vim.lsp.rpc.Dispatchers
---@param config? vim.lsp.ClientConfig
---@return vim.lsp.rpc.PublicClient
function M._start(dispatchers, config)
  local argv = config and program.find(config.root_dir) or found or { 'fimbria' }
  local command = vim.list_extend(vim.list_slice(argv), { 'lsp' })
  return processes.start(command, dispatchers, {
    cwd = config and config.cmd_cwd,
    env = config and config.cmd_env,
    detached = config and config.detached,
  }, ended)
end

--- The settings as the server gets them. None at all are a table, too, which takes back what was
--- sent before; an empty one of Lua's would become a list.
---@return table<string, any>
local function settings()
  local server = require('fimbria.config').get().server
  return vim.tbl_isempty(server) and vim.empty_dict() or server
end

--- The server's part of `lsp/fimbria.lua`.
---@return vim.lsp.Config
function M.lsp_config()
  require('fimbria.attached').watch(M.NAME)
  local options = require('fimbria.config').get()
  return {
    cmd = M._start,
    filetypes = options.filetypes,
    root_dir = root_dir,
    init_options = { fimbria = settings() },
    capabilities = {
      textDocument = { inlineCompletion = { dynamicRegistration = false } },
      experimental = { fimbria = { askInstruction = true } },
    },
    commands = {
      ['fimbria.askInstruction'] = function(command, context)
        require('fimbria.actions').ask_instruction(command, context)
      end,
    },
    -- For a server that was started by a `cmd` of the user's; of ours, `ended` hears.
    on_exit = function(_, _, client_id)
      vim.schedule(function()
        gone(client_id)
      end)
    end,
  }
end

--- Start the server for the buffers that are open, and for those that will be.
function M.enable()
  run.is_wanted = true
  -- What Neovim has kept of an earlier configuration does not hold any more.
  vim.lsp.config(M.NAME, {})
  vim.lsp.enable(M.NAME)
  if not vim.lsp.is_enabled and vim.v.vim_did_enter == 1 then
    -- The first releases of Neovim 0.11 leave the files alone that are open already.
    vim.cmd.doautoall('nvim.lsp.enable FileType')
  end
end

--- The client that answers for a buffer.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.of(bufnr)
  return vim.lsp.get_clients({ bufnr = bufnr or 0, name = M.NAME })[1]
end

--- Call something once a server answers for a buffer: at once, or when the one that is starting
--- does.
---@param bufnr integer
---@param call fun(client: vim.lsp.Client)
function M.with(bufnr, call)
  local client = M.of(bufnr)
  if client then
    call(client)
    return
  end
  local config = is_wanted() and vim.lsp.config[M.NAME] or require('fimbria.config').get()
  local is_known = vim.tbl_contains(config.filetypes, vim.bo[bufnr].filetype)
  if not is_known or vim.bo[bufnr].buftype ~= '' then
    tell('not at work in this file')
  elseif require('fimbria.status').get().state == 'error' or not is_wanted() then
    tell('no server here; :Fimbria health tells why')
  else
    tell('starting …', vim.log.levels.INFO)
    waiting.wait(bufnr, call)
  end
end

---@param client vim.lsp.Client
local function stop_at_last(client)
  vim.defer_fn(function()
    if not client.rpc.is_closing() then
      client:stop(true)
    end
  end, KILLED_AFTER_MS)
end

--- End all servers, until `restart`.
function M.stop()
  run.is_wanted, run.restarting = false, false
  restarts.cancel()
  waiting.drop()
  local clients = vim.lsp.get_clients({ name = M.NAME })
  vim.lsp.enable(M.NAME, false)
  processes.end_starting()
  for _, client in ipairs(clients) do
    local process = processes.of(client)
    if process and not process.is_asked_to_end then -- by the first releases of Neovim 0.11
      client:stop()
    end
    stop_at_last(client)
  end
end

--- End all servers and start them anew.
function M.restart()
  restarts.reset()
  run.is_wanted = true
  local clients = vim.lsp.get_clients({ name = M.NAME })
  run.restarting = processes.end_starting() + #clients > 0
  for _, client in ipairs(clients) do
    client:stop()
    stop_at_last(client)
  end
  if not run.restarting then
    M.enable()
  end
end

--- Give all servers the settings that hold now. The server goes back to what it was started with
--- where one is missing.
function M.send_settings()
  -- Servers that are started later take them from there.
  vim.lsp.config(M.NAME, {})
  for _, client in ipairs(vim.lsp.get_clients({ name = M.NAME })) do
    client:notify('workspace/didChangeConfiguration', { settings = { fimbria = settings() } })
  end
end

--- Give the running servers other settings.
---@param changes table<string, any> as in the server's config.toml
function M.configure(changes)
  local server = require('fimbria.config').get().server
  for name, value in pairs(changes) do
    server[name] = value
  end
  M.send_settings()
end

return M
