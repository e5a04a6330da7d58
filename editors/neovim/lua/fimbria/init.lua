--- Fimbria in Neovim: ghost text, chat and code actions from the model on your own machine.
---
--- `setup()` is all that is needed; each function below can be mapped to a key of your own.

local M = {}

local configured = false

--- Start Fimbria in the buffers that it knows. Can be called again, with other options: see
--- `:help fimbria-options`.
---@param options? fimbria.Options what differs from `vim.g.fimbria` and the defaults
function M.setup(options)
  if vim.fn.has('nvim-0.11') == 0 then
    local version = tostring(vim.version())
    vim.notify('Fimbria needs Neovim 0.11 or newer; this is ' .. version, vim.log.levels.WARN)
    return
  end
  configured = true
  local config = require('fimbria.config')
  local before = config.get().server
  local problems = config.set(vim.tbl_deep_extend('force', vim.g.fimbria or {}, options or {}))
  if #problems > 0 then
    local text = 'Fimbria: setup(): ' .. table.concat(problems, '; ')
    vim.schedule(function()
      vim.notify(text, vim.log.levels.WARN)
    end)
  end
  require('fimbria.highlights').define()
  require('fimbria.status').watch()
  require('fimbria.restarts').reset()
  require('fimbria.client').enable()
  if package.loaded['fimbria.ghost'] then
    require('fimbria.ghost').options_changed()
  end
  if not vim.deep_equal(before, config.get().server) then
    require('fimbria.client').send_settings()
  end
end

--- Whether `setup()` has been called.
---@return boolean
function M.is_set_up()
  return configured
end

--- Accept the ghost text of the current buffer, as it is drawn.
---@param part? 'all'|'word'|'line' how much of it
---@return boolean accepted whether there was any
function M.accept(part)
  return require('fimbria.accept').accept(part or 'all')
end

--- Show the next candidate, or ask for candidates.
---@return boolean done false where there is no server to ask
function M.next()
  return require('fimbria.ghost').cycle(1)
end

--- Show the candidate before.
---@return boolean done false where there is no ghost text
function M.previous()
  return require('fimbria.ghost').cycle(-1)
end

--- Take the ghost text away until the next key.
---@return boolean dismissed whether there was any
function M.dismiss()
  return require('fimbria.ghost').dismiss()
end

--- Whether ghost text is drawn in the current buffer now.
---@return boolean
function M.is_visible()
  return require('fimbria.ghost').visible() ~= nil
end

--- Turn ghost text on or off, everywhere or in one buffer.
---@param on? boolean nil: the opposite of what is
---@param bufnr? integer
function M.toggle(on, bufnr)
  require('fimbria.ghost').toggle(on, bufnr)
end

--- For a status line: `Fimbria`, with a percentage while the model loads, or what keeps it from
--- working.
---@return string text empty where Fimbria has nothing to do
function M.status()
  return require('fimbria.status').text()
end

return M
