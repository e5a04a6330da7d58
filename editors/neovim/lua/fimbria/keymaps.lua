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
---@param expression string
---@return string keys with special keys as Neovim's bytes for them
---@return boolean is_plain whether that is left to be done
local function evaluated(mapping, expression)
  local keys ---@type any
  if mapping.callback then
    keys = mapping.callback()
  else
    keys = vim.api.nvim_eval(expression)
  end
  if type(keys) ~= 'string' then
    return '', false
  end
  if mapping.replace_keycodes == 1 then
    return vim.keycode(keys), false
  end
  return keys, true
end

--- Type keys, of which the first is not mapped again if it is the one that was pressed, as in Vim's
--- own mappings.
---@param keys string with special keys as Neovim's bytes for them
---@param code string the key that was pressed
---@param noremap boolean
---@param is_plain boolean whether special keys are still to be told apart
local function type_keys(keys, code, noremap, is_plain)
  if noremap then
    vim.api.nvim_feedkeys(keys, 'in', is_plain)
  elseif vim.startswith(keys, code) then
    -- What is put in front later comes first.
    vim.api.nvim_feedkeys(keys:sub(#code + 1), 'im', is_plain)
    vim.api.nvim_feedkeys(code, 'in', false)
  else
    vim.api.nvim_feedkeys(keys, 'im', is_plain)
  end
end

--- Do what `key` does without Fimbria.
---@param key string
---@param mapping? vim.api.keyset.get_keymap what it is mapped to
---@param instead? fun(): boolean tried first where that comes down to the key itself
local function press(key, mapping, instead)
  local code = vim.keycode(key)
  if not mapping then
    type_keys(code, code, true, false)
    return
  end
  local rhs = (mapping.rhs or ''):gsub('<SID>', ('<SNR>%d_'):format(mapping.sid))
  -- It comes with its special keys, and with `<`, in the notation of mappings.
  rhs = vim.keycode(rhs)
  local noremap = mapping.noremap == 1
  if mapping.expr == 0 and mapping.callback then
    mapping.callback()
  elseif mapping.expr == 0 then
    type_keys(rhs, code, noremap, false)
  else
    local keys, is_plain = evaluated(mapping, rhs)
    if keys ~= '' and not (keys == code and instead and instead()) then
      type_keys(keys, code, noremap, is_plain)
    end
  end
end

--- Whether a mapping is Neovim's own default, which knows of no menu.
---@param mapping vim.api.keyset.get_keymap
---@return boolean
local function is_default(mapping)
  return vim.startswith(mapping.desc or '', 'vim.snippet')
end

--- Whether a key belongs to Fimbria now: ghost text is drawn, and no entry is selected in a menu
--- whose key it may be.
---@param former? vim.api.keyset.get_keymap
---@return boolean
local function is_ours(former)
  if not require('fimbria.ghost').visible() then
    return false
  end
  return not former or is_default(former) or not require('fimbria.menu').selected()
end

-- A key is on its way to what it was mapped to before, which may hand it back to us.
local is_passing_on = false

--- Pass a key on. Who hands it back does so at once or, as blink.cmp does, by `vim.schedule`; keys
--- that are typed in between are new ones.
---@param press_it fun()
local function pass_on(press_it)
  local function set(value)
    return function()
      is_passing_on = value
    end
  end
  vim.schedule(set(true))
  is_passing_on = true
  local ok, failure = pcall(press_it)
  is_passing_on = false
  vim.schedule(set(false))
  if not ok then
    error(failure, 0)
  end
end

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
  pass_on(function()
    press(key, former, if_visible)
  end)
end

---@class (private) fimbria.Mapped
---@field key string
---@field before? vim.api.keyset.get_keymap the buffer's mapping that ours has taken the place of
---@field is_old? boolean the buffer was read anew since: what is mapped now may not know of ours

--- What is mapped, by buffer and action. Other plugins put theirs in front of it (nvim-cmp does,
--- whenever text begins to be typed), so that it cannot be told from the buffer's mappings.
---@type table<integer, table<string, fimbria.Mapped?>?>
local mapped = {}

---@param bufnr integer
---@return table<string, fimbria.Mapped?>
local function mapped_in(bufnr)
  local known = mapped[bufnr]
  if not known then
    known = {}
    mapped[bufnr] = known
    vim.api.nvim_create_autocmd({ 'BufUnload', 'BufWipeout' }, {
      group = vim.api.nvim_create_augroup('fimbria.keymaps.' .. bufnr, {}),
      buffer = bufnr,
      callback = function(event)
        for _, ours in pairs(known) do
          ours.is_old = true
        end
        mapped[bufnr] = event.event ~= 'BufWipeout' and known or nil
      end,
    })
  end
  return known
end

---@param bufnr integer
---@param name string
---@param key string
local function map(bufnr, name, key)
  local known, action = mapped_in(bufnr), ACTIONS[name]
  local description = DESCRIPTION:format(action.what)
  local before, ours = mapping_of(bufnr, key, true), known[name]
  if before and ours and (not ours.is_old or before.desc == description) then
    return
  end
  ours = { key = key, before = before }
  known[name] = ours
  vim.keymap.set('i', key, function()
    local former = before or mapping_of(bufnr, key, false)
    if known[name] == ours then
      on_key(key, action, former)
    else
      press(key, former)
    end
  end, { buffer = bufnr, desc = description })
end

---@param bufnr integer
---@param name string
local function unmap(bufnr, name)
  local known = mapped_in(bufnr)
  local ours = known[name]
  known[name] = nil
  local now = ours and mapping_of(bufnr, ours.key, true)
  if not ours or not now or now.desc ~= DESCRIPTION:format(ACTIONS[name].what) then
    return
  end
  vim.keymap.del('i', ours.key, { buffer = bufnr })
  if ours.before then
    vim.api.nvim_buf_call(bufnr, function()
      vim.fn.mapset('i', false, ours.before --[[@as table<string, any>]])
    end)
  end
end

--- Map the keys that the user has chosen, in a buffer, and no others any more.
---@param bufnr integer
function M.map(bufnr)
  local keymaps = require('fimbria.config').get().keymaps or {}
  local known = mapped_in(bufnr)
  -- First all the old ones: a key may have another meaning now.
  for name in pairs(ACTIONS) do
    if known[name] and known[name].key ~= keymaps[name] then
      unmap(bufnr, name)
    end
  end
  for name in pairs(ACTIONS) do
    local key = keymaps[name]
    if key and key ~= '' then
      map(bufnr, name, key)
    end
  end
end

return M
