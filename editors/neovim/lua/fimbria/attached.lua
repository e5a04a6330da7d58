--- What is done when a client of ours answers for a buffer. None of it is in the client's
--- configuration, where whatever the user sets under the same name would take its place.

local M = {}

--- Have a look at messages of a client's server before whoever else handles them: the user, or else
--- `instead`, or else Neovim.
---@param client vim.lsp.Client
---@param method string
---@param look fun(params: table): boolean whether that was all
---@param instead? lsp.Handler
local function listen(client, method, look, instead)
  local theirs = client.handlers[method] or instead
  client.handlers[method] = function(err, params, ctx)
    if look(params) then
      return nil
    end
    return (theirs or vim.lsp.handlers[method])(err, params, ctx)
  end
end

---@type table<integer, integer>
local LEVELS = {
  [vim.lsp.protocol.MessageType.Error] = vim.log.levels.ERROR,
  [vim.lsp.protocol.MessageType.Warning] = vim.log.levels.WARN,
  [vim.lsp.protocol.MessageType.Info] = vim.log.levels.INFO,
  [vim.lsp.protocol.MessageType.Log] = vim.log.levels.INFO,
}

--- `window/showMessage`, where the user has no handler: Neovim would put a name of the server in
--- front, and make two lines of many a message that fits one.
---@param params lsp.ShowMessageParams
---@return lsp.ShowMessageParams
local function show_message(_, params)
  require('fimbria.tell')(params.message, LEVELS[params.type] or vim.log.levels.DEBUG)
  return params
end

---@type table<integer, true> clients by their id
local known = {}

---@param client vim.lsp.Client
local function take_on(client)
  known[client.id] = true
  local process = require('fimbria.process').of(client)
  if process then
    process.client_id = client.id
  end
  require('fimbria.restarts').succeeded()
  require('fimbria.diagnostics').add_to_requests(client)
  require('fimbria.undo').separate_actions(client)
  listen(client, 'window/showMessage', require('fimbria.status').on_message, show_message)
  listen(client, 'workspace/applyEdit', function()
    require('fimbria.status').recovered()
    return false
  end)
  listen(client, '$/progress', function(params)
    return require('fimbria.chat').on_progress(params)
  end)
end

--- Look after the clients of a name from now on.
---@param name string
function M.watch(name)
  vim.api.nvim_create_autocmd('LspAttach', {
    group = vim.api.nvim_create_augroup('fimbria.attached', {}),
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if not client or client.name ~= name then
        return
      end
      if not known[client.id] then
        take_on(client)
      end
      require('fimbria.ghost').attach(client, event.buf)
      require('fimbria.waiting').attached(client, event.buf)
    end,
  })
end

return M
