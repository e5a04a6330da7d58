--- When a server that has ended by itself is started again: after a while that doubles from time to
--- time, and not for ever.

local processes = require('fimbria.process')

local M = {}

local MAX_FAILURES = 5
local STEADY_S = 60

---@class (private) fimbria.Restarts
---@field failures integer in a row, of all servers together; what does not start counts twice
---@field is_told boolean the user knows that it does not work
---@field has_given_up boolean
---@field timer? uv.uv_timer_t until the next start

---@type fimbria.Restarts
local now = { failures = 0, is_told = false, has_given_up = false }

--- Nothing is started again any more by itself.
function M.cancel()
  if now.timer and not now.timer:is_closing() then
    now.timer:stop()
    now.timer:close()
  end
  now.timer = nil
end

--- Begin anew: what has failed so far does not count.
function M.reset()
  M.cancel()
  now = { failures = 0, is_told = false, has_given_up = false }
  require('fimbria.status').recovered()
end

--- Whether no server is to be started until the user says so.
---@return boolean
function M.has_given_up()
  return now.has_given_up
end

--- A server answers.
function M.succeeded()
  if now.is_told and not now.has_given_up then
    now.is_told = false
    require('fimbria.status').recovered()
  end
end

--- What the status says from now on; as a message only the first time, and without the details if
--- it would have to be acknowledged with them.
---@param what string
---@param how string
local function tell(what, how)
  require('fimbria.status').failed(('%s (%s)'):format(what, how))
  if now.is_told then
    return
  end
  now.is_told = true
  local text = ('%s (%s); see :Fimbria health'):format(what, how)
  local fits = vim.api.nvim_strwidth('Fimbria: ' .. text) <= vim.v.echospace
  require('fimbria.tell')(fits and text or what .. '; see :Fimbria health', vim.log.levels.ERROR)
end

---@param start fun()
local function start_later(start)
  if now.timer then
    return
  end
  now.timer = vim.defer_fn(function()
    now.timer = nil
    if processes.is_any_starting() then
      start_later(start) -- what becomes of those counts, too
    else
      start()
    end
  end, 250 * 2 ^ now.failures)
end

--- A server has ended, and nobody had asked it to.
---@param process fimbria.Process
---@param code integer
---@param signal integer
---@param start fun() called once for all that have ended until then
function M.failed(process, code, signal, start)
  if now.has_given_up then
    return
  end
  if processes.age(process) > STEADY_S then
    now.failures = 0
  end
  -- One that does not even start will hardly do so the next time.
  now.failures = now.failures + (process.is_initialized and 1 or 2)
  now.has_given_up = now.failures > MAX_FAILURES
  local words = processes.last_words(process)
  local how = signal ~= 0 and ('signal %d'):format(signal) or ('status %d'):format(code)
  how = words ~= '' and ('%s: %s'):format(how, words) or how
  if not process.is_initialized then
    tell('the server does not start', how)
  elseif now.has_given_up then
    tell('the server ends again and again', how)
  end
  if now.has_given_up then
    M.cancel()
    return
  end
  start_later(start)
end

return M
