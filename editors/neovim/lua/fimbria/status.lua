--- What Fimbria is doing, for a status line.

local M = {}

---@alias fimbria.State 'off'|'loading'|'working'|'thinking'|'ready'|'paused'|'error'

---@class fimbria.Status
---@field state fimbria.State
---@field text string what a status line shows
---@field percent? integer while loading
---@field message? string what is loaded or worked on, or what went wrong

local TOKEN = '^fimbria%-loading'

---@type { message?: string, percent?: integer }?
local loading
---@type string?
local failure
local was_asked = false

---@type fimbria.State?
local announced

--- Have status lines drawn anew, if what they show has changed.
local function changed()
  if not was_asked then
    return
  end
  local state = M.get().state
  if state == announced and state ~= 'loading' and state ~= 'working' then
    return
  end
  announced = state
  vim.schedule(function()
    vim.api.nvim_exec_autocmds('User', { pattern = 'FimbriaStatus', modeline = false })
    vim.cmd.redrawstatus({ bang = true })
  end)
end

M.changed = changed

--- Follow how far loading has come.
function M.watch()
  vim.api.nvim_create_autocmd('LspProgress', {
    group = vim.api.nvim_create_augroup('fimbria.status', {}),
    callback = function(event)
      local params = event.data.params
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if not client or client.name ~= 'fimbria' then
        return
      end
      local value, token = params.value, tostring(params.token)
      if require('fimbria.work').on_progress(client.id, token, value) or not token:match(TOKEN) then
        return
      end
      failure = nil
      loading = value.kind ~= 'end' and { message = value.message, percent = value.percentage }
        or nil
      changed()
    end,
  })
end

--- `window/showMessage`: an error is what the status says until something works again.
---@param params lsp.ShowMessageParams
---@return boolean is_all false: it is also to be shown
function M.on_message(params)
  if params.type == vim.lsp.protocol.MessageType.Error then
    loading = nil
    M.failed((params.message:gsub('^Fimbria: ', '')))
  end
  return false
end

---@param what string
function M.failed(what)
  failure = what
  changed()
end

--- Something works, so what went wrong is over.
function M.recovered()
  if failure then
    failure = nil
    changed()
  end
end

---@param state fimbria.State
---@param text string
---@return fimbria.Status
local function made(state, text)
  return { state = state, text = text }
end

--- Why no server answers for the current buffer, where its kind is why.
---@return string?
local function why_off()
  local filetypes = require('fimbria.config').get().filetypes
  local config = vim.lsp.config.fimbria
  local filetype = vim.bo.filetype
  if vim.bo.buftype ~= '' then
    return 'this is no file'
  elseif filetype == '' then
    return 'this file has no filetype'
  elseif not vim.list_contains(config and config.filetypes or filetypes, filetype) then
    return ('%s is not among `filetypes`'):format(filetype)
  end
end

--- The status in the current buffer.
---@return fimbria.Status
function M.get()
  local ghost = require('fimbria.ghost')
  if failure then
    return { state = 'error', text = 'Fimbria!', message = failure }
  end
  if not require('fimbria.client').of(0) then
    return { state = 'off', text = '', message = why_off() }
  end
  local work = require('fimbria.work').running()
  if work then
    return { state = 'working', text = 'Fimbria …', message = work }
  end
  local why_paused = ghost.why_off(0)
  if why_paused then
    return { state = 'paused', text = 'Fimbria paused', message = why_paused }
  end
  if loading then
    -- No percent sign: status lines give it a meaning of its own.
    local text = loading.percent and ('Fimbria %d/100'):format(loading.percent) or 'Fimbria …'
    return {
      state = 'loading',
      text = text,
      percent = loading.percent,
      message = loading.message,
    }
  end
  if ghost.is_thinking(0) then
    return made('thinking', 'Fimbria …')
  end
  return made('ready', 'Fimbria')
end

--- The status for a status line: `%{v:lua.require'fimbria'.status()}`.
---@return string
function M.text()
  was_asked = true
  return M.get().text
end

return M
