--- Edits that come while somebody types: each is a step of its own for undo.

local M = {}

--- Setting the option, even to what it is, begins a new undo step.
function M.begin_step()
  vim.cmd('let &g:undolevels = &g:undolevels')
end

--- Keep what a client's code actions change apart from what is typed before and after.
---@param client vim.lsp.Client
function M.separate_actions(client)
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  function client:request(method, params, handler, bufnr)
    if method == 'codeAction/resolve' and handler then
      local apply = handler
      handler = function(...)
        M.begin_step()
        apply(...)
        M.begin_step()
      end
    end
    return request(self, method, params, handler, bufnr)
  end
end

return M
