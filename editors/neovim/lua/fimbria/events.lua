--- Tells the server what became of its suggestions, if it wants to know; it keeps local statistics of them.

local M = {}

--- `rest.text` is what is left, `accepted` how much of it was taken.
---@alias fimbria.AcceptKind 'all'|'word'|'line'

---@param suggestion fimbria.Suggestion
---@param bufnr integer
---@param method string
---@param more? table<string, any>
local function report(suggestion, bufnr, method, more)
  local client = vim.lsp.get_client_by_id(suggestion.client_id)
  local wanted = client
    and vim.tbl_get(client.server_capabilities, 'experimental', 'fimbria', 'events')
  if not client or not wanted then
    return
  end
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    item = suggestion.item,
  }
  client:notify(method, vim.tbl_extend('error', params, more or {}))
end

--- A suggestion was drawn for the first time.
---@param suggestion fimbria.Suggestion
---@param bufnr integer
function M.shown(suggestion, bufnr)
  report(suggestion, bufnr, 'fimbria/didShowCompletion')
end

--- A suggestion, or a part of it, was accepted.
---@param suggestion fimbria.Suggestion
---@param bufnr integer
---@param kind fimbria.AcceptKind
---@param text string what was inserted
function M.accepted(suggestion, bufnr, kind, text)
  report(suggestion, bufnr, 'fimbria/didAcceptCompletion', { kind = kind, text = text })
end

--- The user has taken a suggestion away.
---@param suggestion fimbria.Suggestion
---@param bufnr integer
function M.dismissed(suggestion, bufnr)
  report(suggestion, bufnr, 'fimbria/didDismissCompletion')
end

return M
