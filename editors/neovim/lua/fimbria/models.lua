--- The models that the `fimbria` command knows. It is asked in the background: that takes seconds.

local M = {}

local TIMEOUT_MS = 60000

---@type string[]? as of the last answer
local names
local is_asked = false

---@param result vim.SystemCompleted
---@return string[]? found
---@return string why not
local function read(result)
  local decoded, list = pcall(vim.json.decode, result.stdout or '')
  if result.code ~= 0 or not decoded or type(list) ~= 'table' then
    local said = vim.split(vim.trim(result.stderr or ''), '\n')
    local why = said[#said] ~= '' and said[#said] or ('it ended with %d'):format(result.code)
    return nil, '`fimbria models list` does not work: ' .. why
  end
  return vim.tbl_map(function(entry)
    return entry.name
  end, list), ''
end

--- Ask for the names.
---@param bufnr integer for whose project
---@param answer fun(names?: string[], why: string)
function M.ask(bufnr, answer)
  local program = require('fimbria.program')
  local command, where = program.find(program.root(bufnr), { may_ask = false })
  if not command then
    answer(nil, where)
    return
  end
  local arguments = vim.list_extend(vim.list_slice(command), { 'models', 'list', '--json' })
  is_asked = true
  local started, failure = pcall(vim.system, arguments, { timeout = TIMEOUT_MS }, function(result)
    vim.schedule(function()
      is_asked = false
      local found, why = read(result)
      names = found or names
      answer(found, why)
    end)
  end)
  if not started then
    is_asked = false
    answer(nil, tostring(failure))
  end
end

--- The names as far as they are known now; asks for them where nobody has yet.
---@return string[]
function M.known()
  if not names and not is_asked then
    M.ask(0, function() end)
  end
  return names or {}
end

return M
