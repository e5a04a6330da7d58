--- Keys that do something where there is ghost text, and what they did before where there is none.

local M = {}

local DESCRIPTION = 'Fimbria: %s'

---@class (private) fimbria.Action
---@field what string
---@field run fun(): boolean whether there was something to do
---@field alone? boolean also does something without ghost text, if the key had no meaning before

---@type table<string, fimbria.Action>
local ACTIONS = {
  accept = {
    what = 'accept ghost text',
    run = function()
      return require('fimbria.accept').accept('all')
    end,
  },
  accept_word = {
    what = "accept ghost text's next word",
    run = function()
      return require('fimbria.accept').accept('word')
    end,
  },
  accept_line = {
    what = "accept ghost text's next line",
    run = function()
      return require('fimbria.accept').accept('line')
    end,
  },
  next = {
    what = 'next candidate',
    run = function()
      return require('fimbria.ghost').cycle(1)
    end,
    alone = true,
  },
  previous = {
    what = 'previous candidate',
    run = function()
      return require('fimbria.ghost').cycle(-1)
    end,
  },
  dismiss = {
    what = 'dismiss ghost text',
    run = function()
      return require('fimbria.ghost').dismiss()
    end,
  },
}

---@param bufnr integer
---@param key string
---@param own boolean the mapping of the buffer, not the global one
---@return vim.api.keyset.get_keymap?
local function mapping_of(bufnr, key, own)
  local mappings = own and vim.api.nvim_buf_get_keymap(bufnr, 'i') or vim.api.nvim_get_keymap('i')
  local code = vim.keycode(key)
  return vim.iter(mappings):find(function(mapping)
    return mapping.lhs == key or vim.keycode(mapping.lhs) == code
  end)
end

--- Do what `key` does without Fimbria.
---@param key string
---@param mapping? vim.api.keyset.get_keymap what it is mapped to
local function press(key, mapping)
  if not mapping then
    vim.api.nvim_feedkeys(vim.keycode(key), 'in', false)
    return
  end
  local rhs = mapping.rhs and mapping.rhs:gsub('<SID>', ('<SNR>%d_'):format(mapping.sid)) or ''
  local mode = mapping.noremap == 1 and 'in' or 'im'
  if mapping.expr == 0 and mapping.callback then
    mapping.callback()
  elseif mapping.expr == 0 then
    vim.api.nvim_feedkeys(vim.keycode(rhs), mode, false)
  else
    local keys = mapping.callback and mapping.callback() or vim.api.nvim_eval(rhs)
    if type(keys) == 'string' and keys ~= '' then
      keys = mapping.replace_keycodes == 1 and vim.keycode(keys) or keys
      vim.api.nvim_feedkeys(keys, mode, mapping.replace_keycodes ~= 1)
    end
  end
end

--- Whether a key belongs to Fimbria now: ghost text is drawn, and no entry of a menu waits to be confirmed by it.
---@return boolean
local function is_ours()
  return require('fimbria.ghost').visible() ~= nil and not require('fimbria.menu').selected()
end

---@param bufnr integer
---@param key string
---@param action fimbria.Action
local function map(bufnr, key, action)
  local description = DESCRIPTION:format(action.what)
  local before = mapping_of(bufnr, key, true)
  if before and before.desc == description then
    return
  end
  vim.keymap.set('i', key, function()
    local former = before or mapping_of(bufnr, key, false)
    if (is_ours() or (action.alone and not former)) and action.run() then
      return
    end
    press(key, former)
  end, { buffer = bufnr, desc = description })
end

--- Map the keys that the user has chosen, in a buffer.
---@param bufnr integer
function M.map(bufnr)
  local keymaps = require('fimbria.config').get().keymaps
  if not keymaps then
    return
  end
  for name, action in pairs(ACTIONS) do
    local key = keymaps[name]
    if key and key ~= '' then
      map(bufnr, key, action)
    end
  end
end

return M
