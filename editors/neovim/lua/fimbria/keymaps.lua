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

--- The keys that an expression mapping stands for now.
---@param mapping vim.api.keyset.get_keymap
---@param rhs string
---@return string keys with special keys as Neovim's bytes for them
---@return boolean is_plain whether that is left to be done
local function evaluated(mapping, rhs)
  local keys ---@type any
  if mapping.callback then
    keys = mapping.callback()
  else
    keys = vim.api.nvim_eval(rhs)
  end
  if type(keys) ~= 'string' then
    return '', false
  end
  if mapping.replace_keycodes == 1 then
    return vim.keycode(keys), false
  end
  return keys, true
end

--- Do what `key` does without Fimbria.
---@param key string
---@param mapping? vim.api.keyset.get_keymap what it is mapped to
---@param instead? fun(): boolean tried first where that comes down to the key itself: nobody else wants it
local function press(key, mapping, instead)
  local code = vim.keycode(key)
  if not mapping then
    vim.api.nvim_feedkeys(code, 'in', false)
    return
  end
  local rhs = mapping.rhs and mapping.rhs:gsub('<SID>', ('<SNR>%d_'):format(mapping.sid)) or ''
  local mode = mapping.noremap == 1 and 'in' or 'im'
  if mapping.expr == 0 and mapping.callback then
    mapping.callback()
  elseif mapping.expr == 0 then
    vim.api.nvim_feedkeys(vim.keycode(rhs), mode, false)
  else
    local keys, is_plain = evaluated(mapping, rhs)
    if keys ~= '' and not (keys == code and instead and instead()) then
      vim.api.nvim_feedkeys(keys, mode, is_plain)
    end
  end
end

--- Whether a mapping is Neovim's own default, which knows of no menu.
---@param mapping vim.api.keyset.get_keymap
---@return boolean
local function is_default(mapping)
  return vim.startswith(mapping.desc or '', 'vim.snippet')
end

--- Whether a key belongs to Fimbria now: ghost text is drawn, and no entry is selected in a menu whose key it may be.
---@param former? vim.api.keyset.get_keymap
---@return boolean
local function is_ours(former)
  if not require('fimbria.ghost').visible() then
    return false
  end
  return not former or is_default(former) or not require('fimbria.menu').selected()
end

-- A key is on its way to what it was mapped to before. That may hand it back to us, also a tick later (blink.cmp does).
local is_passing_on = false

---@param key string
---@param action fimbria.Action
---@param former? vim.api.keyset.get_keymap
local function on_key(key, action, former)
  local function if_visible()
    return is_ours() and action.run()
  end
  if is_passing_on then
    if not if_visible() then
      press(key)
    end
    return
  end
  if (is_ours(former) or (action.alone and not former)) and action.run() then
    return
  end
  is_passing_on = true
  press(key, former, if_visible)
  vim.schedule(function()
    is_passing_on = false
  end)
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
    on_key(key, action, before or mapping_of(bufnr, key, false))
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
