--- A command that waits for the server to answer for its buffer: one at a time, and not for ever.

local M = {}

--- How long it waits.
M.PATIENCE_MS = 30000

---@class (private) fimbria.Waiting
---@field bufnr integer
---@field place string what the command is about
---@field call fun(client: vim.lsp.Client)
---@field timer uv.uv_timer_t

---@type fimbria.Waiting?
local waiting

--- Where the user is, and in which state of the text.
---@param bufnr integer
---@return string
local function place(bufnr)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local tick = vim.api.nvim_buf_get_changedtick(bufnr)
  return ('%d %d %d %d'):format(vim.api.nvim_get_current_buf(), tick, row, col)
end

--- The command that waits is not run.
---@param why? string for the user
function M.drop(why)
  if not waiting then
    return
  end
  if not waiting.timer:is_closing() then
    waiting.timer:stop()
    waiting.timer:close()
  end
  waiting = nil
  if why then
    require('fimbria.tell')(why)
  end
end

--- Call something when a server answers for a buffer, in place of what has waited until now.
---@param bufnr integer
---@param call fun(client: vim.lsp.Client)
function M.wait(bufnr, call)
  M.drop()
  local timer = vim.defer_fn(function()
    M.drop('no server came, and nothing is done; :Fimbria health tells why')
  end, M.PATIENCE_MS)
  waiting = { bufnr = bufnr, place = place(bufnr), call = call, timer = timer }
end

--- A server answers for a buffer now.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attached(client, bufnr)
  local ready = waiting
  if not ready or ready.bufnr ~= bufnr then
    return
  end
  vim.schedule(function()
    if waiting ~= ready or client:is_stopped() then
      return
    elseif not vim.api.nvim_buf_is_valid(bufnr) or place(bufnr) ~= ready.place then
      M.drop('the server is there; say it again, since you have gone on')
      return
    end
    M.drop()
    ready.call(client)
  end)
end

return M
