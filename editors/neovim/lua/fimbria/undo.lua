--- Edits that come while somebody types: each is a step of its own for undo.

local M = {}

local APPLY = 'workspace/applyEdit'

--- Setting the option, even to what it is, begins a new undo step.
function M.begin_step()
  vim.cmd('noautocmd let &g:undolevels = &g:undolevels')
end

--- The same function, with what it changes as a step of its own.
---@param change fun(...): any
---@return fun(...): any
local function apart(change)
  return function(...)
    M.begin_step()
    local result = change(...)
    M.begin_step()
    return result
  end
end

--- Keep what a client's code actions change apart from what is typed before and after: edits that
--- come as their answer, and edits that the server asks for.
---@param client vim.lsp.Client
function M.separate_actions(client)
  client.handlers = vim.tbl_extend('force', {}, client.handlers, {
    [APPLY] = apart(client.handlers[APPLY] or vim.lsp.handlers[APPLY]),
  })
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  function client:request(method, params, handler, bufnr)
    if method == 'codeAction/resolve' and handler then
      handler = apart(handler)
    end
    return request(self, method, params, handler, bufnr)
  end
end

return M
