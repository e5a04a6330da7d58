--- What other servers and linters report, for Fimbria's code actions: Neovim tells a server only
--- what it has reported itself.

local M = {}

---@param diagnostic vim.Diagnostic
---@param bufnr integer
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return lsp.Diagnostic
local function to_lsp(diagnostic, bufnr, encoding)
  ---@param row integer
  ---@param col integer in bytes
  ---@return lsp.Position
  local function position(row, col)
    local line = vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ''
    return { line = row, character = vim.str_utfindex(line, encoding, math.min(col, #line), false) }
  end
  local last_row = diagnostic.end_lnum or diagnostic.lnum
  return {
    range = {
      start = position(diagnostic.lnum, diagnostic.col),
      ['end'] = position(last_row, diagnostic.end_col or diagnostic.col),
    },
    message = diagnostic.message,
    severity = diagnostic.severity,
    source = diagnostic.source,
    code = diagnostic.code,
  }
end

--- All that is reported on the lines of a range.
---@param bufnr integer
---@param range lsp.Range
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return lsp.Diagnostic[]
function M.within(bufnr, range, encoding)
  local found = {} ---@type lsp.Diagnostic[]
  for _, diagnostic in ipairs(vim.diagnostic.get(bufnr)) do
    local last_row = diagnostic.end_lnum or diagnostic.lnum
    if diagnostic.lnum <= range['end'].line and last_row >= range.start.line then
      found[#found + 1] = to_lsp(diagnostic, bufnr, encoding)
    end
  end
  return found
end

--- Have a client's requests for code actions carry them.
---@param client vim.lsp.Client
function M.add_to_requests(client)
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  function client:request(method, params, handler, bufnr)
    if method == 'textDocument/codeAction' and params.context then
      local buf = bufnr or 0
      if buf == 0 then -- a buffer without a name has no address of its own
        buf = vim.api.nvim_get_current_buf()
      end
      local found = M.within(buf, params.range, self.offset_encoding)
      local context = vim.tbl_extend('force', params.context, { diagnostics = found })
      params = vim.tbl_extend('force', params, { context = context })
    end
    return request(self, method, params, handler, bufnr)
  end
end

return M
