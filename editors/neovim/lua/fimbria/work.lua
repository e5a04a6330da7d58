--- What the server works on because the user has asked for it: shown while it lasts, and stopped on
--- demand.

local M = {}

local TOKEN = '^fimbria%-work'
local STOP_KEY = '<C-c>'

---@class (private) fimbria.Work
---@field title string
---@field message string the last words of what is written
---@field client_id integer

---@type table<string, fimbria.Work> by progress token
local running = {}
local has_key = false

--- What runs now, in one line.
---@return string? text nil where nothing does
function M.running()
  local _, work = next(running)
  if not work then
    return nil
  end
  local others = vim.tbl_count(running) - 1
  local more = others > 0 and (' (and %d more)'):format(others) or ''
  local words = work.message ~= '' and ('  ' .. work.message) or ''
  return work.title .. more .. words
end

--- Show a line where messages are, without adding to them, unless somebody types there.
---@param text string
local function show(text)
  local mode = vim.api.nvim_get_mode()
  if mode.blocking or vim.startswith(mode.mode, 'c') or vim.startswith(mode.mode, 'r') then
    return
  end
  local width = math.max(vim.v.echospace, 0)
  while vim.api.nvim_strwidth(text) > width do
    text = vim.fn.strcharpart(text, 0, vim.fn.strchars(text) - 1)
  end
  vim.api.nvim_echo({ { text } }, false, {})
end

--- The key that stops what runs elsewhere does so here, while there is something and nobody else
--- has it.
---@param wanted boolean
local function map_stop_key(wanted)
  if wanted and not has_key and vim.fn.maparg(STOP_KEY, 'n') == '' then
    vim.keymap.set('n', STOP_KEY, M.cancel, { desc = 'Fimbria: stop what runs' })
    has_key = true
  elseif not wanted and has_key then
    pcall(vim.keymap.del, 'n', STOP_KEY)
    has_key = false
  end
end

local function changed()
  local text = M.running()
  map_stop_key(text ~= nil)
  show(text and ('Fimbria: ' .. text) or '')
  require('fimbria.status').changed()
end

--- `$/progress` of a server of ours.
---@param client_id integer
---@param token string
---@param value table
---@return boolean is_work
function M.on_progress(client_id, token, value)
  if not token:match(TOKEN) then
    return false
  end
  local work = running[token]
  if value.kind == 'begin' then
    running[token] = { title = value.title, message = '', client_id = client_id }
  elseif value.kind == 'report' and work then
    work.message = value.message or ''
  else
    running[token] = nil
  end
  vim.schedule(changed)
  return true
end

--- A server has ended, and its work with it.
---@param client_id integer
function M.forget(client_id)
  for token, work in pairs(running) do
    if work.client_id == client_id then
      running[token] = nil
      vim.schedule(changed)
    end
  end
end

--- Stop everything that runs.
---@return integer count of what ran
function M.cancel()
  local count = vim.tbl_count(running)
  for token, work in pairs(running) do
    local client = vim.lsp.get_client_by_id(work.client_id)
    if client then
      client:notify('window/workDoneProgress/cancel', { token = token })
    end
  end
  return count
end

return M
