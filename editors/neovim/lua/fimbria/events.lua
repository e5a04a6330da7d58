--- Tells the server what became of its suggestions, if it wants to know; it keeps local statistics
--- of them. See docs/protocol.md of Fimbria. That all of a suggestion was accepted, its own command
--- says.

local M = {}

---@param suggestion fimbria.Suggestion
---@param method string
---@param more? table<string, any>
local function report(suggestion, method, more)
  local client = vim.lsp.get_client_by_id(suggestion.client_id)
  local wanted = client
    and vim.tbl_get(client.server_capabilities, 'experimental', 'fimbria', 'events')
  local id = vim.tbl_get(suggestion.item, 'command', 'arguments', 1)
  if client and wanted and id then
    client:notify(method, vim.tbl_extend('error', { id = id }, more or {}))
  end
end

--- A suggestion was drawn for the first time.
---@param suggestion fimbria.Suggestion
function M.shown(suggestion)
  report(suggestion, 'fimbria/didShowCompletion')
end

--- A part of a suggestion was accepted.
---@param suggestion fimbria.Suggestion
---@param text string what was inserted
function M.accepted_part(suggestion, text)
  report(suggestion, 'fimbria/didAcceptCompletion', { acceptedLength = vim.fn.strchars(text) })
end

--- The user has taken a suggestion away.
---@param suggestion fimbria.Suggestion
function M.dismissed(suggestion)
  report(suggestion, 'fimbria/didDismissCompletion')
end

return M
