--- The processes of language servers that run: whether they were asked to end, and what they said
--- last.

local M = {}

--- How much of what a process writes to stderr is kept, in bytes.
local KEPT = 4000

---@class (private) fimbria.Process
---@field rpc vim.lsp.rpc.PublicClient
---@field started number in seconds
---@field is_initialized boolean has answered `initialize`
---@field is_asked_to_end boolean by whoever
---@field stderr string the end of it
---@field client_id? integer once it answers for a buffer

---@type table<fimbria.Process, true>
local running = {}

---@return number seconds
local function now()
  return vim.uv.hrtime() / 1e9
end

--- Call `start` and keep what the process that it starts writes to stderr. Neovim only logs that,
--- and has no other way to come by it than where it starts processes.
---@param process fimbria.Process
---@param start fun(): vim.lsp.rpc.PublicClient
---@return vim.lsp.rpc.PublicClient
local function overhearing(process, start)
  local system = vim.system
  ---@diagnostic disable-next-line: duplicate-set-field
  vim.system = function(command, options, on_exit)
    local log = options.stderr
    if type(log) == 'function' then
      options.stderr = function(err, chunk)
        process.stderr = (process.stderr .. (chunk or '')):sub(-KEPT)
        log(err, chunk)
      end
    end
    return system(command, options, on_exit)
  end
  local ok, rpc = pcall(start)
  vim.system = system
  return ok and rpc or error(rpc, 0)
end

--- The same client, which takes note of what Neovim asks of the process.
---@param process fimbria.Process
---@param rpc vim.lsp.rpc.PublicClient
---@return vim.lsp.rpc.PublicClient
local function watched(process, rpc)
  return vim.tbl_extend('force', rpc, {
    request = function(method, params, callback, ...)
      if method == 'shutdown' then
        process.is_asked_to_end = true
      elseif method == 'initialize' then
        local answered = callback
        callback = function(err, result)
          process.is_initialized = not err
          answered(err, result)
        end
      end
      return rpc.request(method, params, callback, ...)
    end,
    terminate = function()
      process.is_asked_to_end = true
      rpc.terminate()
    end,
  })
end

--- Start a server.
---@param command string[]
---@param dispatchers vim.lsp.rpc.Dispatchers
---@param spawning vim.lsp.rpc.ExtraSpawnParams
---@param on_end fun(process: fimbria.Process, code: integer, signal: integer) in the main loop
---@return vim.lsp.rpc.PublicClient
function M.start(command, dispatchers, spawning, on_end)
  local process = { ---@type fimbria.Process
    rpc = nil,
    started = now(),
    is_initialized = false,
    is_asked_to_end = false,
    stderr = '',
  }
  local ours = vim.tbl_extend('force', dispatchers, {
    on_exit = function(code, signal)
      -- Of anything but 0 Neovim makes a message of its own, which waits for a key in the middle of
      -- typing. What there is to say, and whether there is, `on_end` knows.
      dispatchers.on_exit(0, 0)
      vim.schedule(function()
        running[process] = nil
        on_end(process, code, signal)
      end)
    end,
  })
  local rpc = overhearing(process, function()
    return vim.lsp.rpc.start(command, ours, spawning)
  end)
  process.rpc = watched(process, rpc)
  running[process] = true
  return process.rpc
end

--- The process behind a client; nil where somebody else has started it.
---@param client vim.lsp.Client
---@return fimbria.Process?
function M.of(client)
  for process in pairs(running) do
    if process.rpc == client.rpc then
      return process
    end
  end
end

--- Whether there is one that has not begun to answer.
---@return boolean
function M.is_any_starting()
  return vim.iter(pairs(running)):any(function(process)
    return not process.is_initialized
  end)
end

--- End those that have not begun to answer; Neovim does not count them among its clients yet.
---@return integer count
function M.end_starting()
  local count = 0
  for process in pairs(running) do
    if not process.is_initialized then
      process.rpc.terminate()
      count = count + 1
    end
  end
  return count
end

--- How long ago a process was started.
---@param process fimbria.Process
---@return number seconds
function M.age(process)
  return now() - process.started
end

--- The last line that a process wrote to stderr: of a Python traceback, what it is about.
---@param process fimbria.Process
---@return string empty where there is none
function M.last_words(process)
  local lines = vim.split(vim.trim(process.stderr), '\n')
  return vim.fn.strcharpart(vim.trim(lines[#lines]), 0, 200)
end

return M
