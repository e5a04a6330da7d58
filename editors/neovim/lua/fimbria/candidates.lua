--- The suggestions of one buffer: which of them fit what was typed, and which is drawn.

local draw = require('fimbria.draw')
local events = require('fimbria.events')
local menu = require('fimbria.menu')
local suggestions = require('fimbria.suggestion')

local M = {}

local api = vim.api

---@class (private) fimbria.Buffer
---@field bufnr integer
---@field client_id integer
---@field candidates fimbria.Suggestion[] of which one is drawn, if it fits
---@field index integer
---@field asked table<integer, fimbria.Asked?> whose answers are still to come
---@field number integer of the newest request
---@field answered integer number of the newest request whose answer counted
---@field drawn boolean
---@field seen? string what the last event was about
---@field scheduled boolean a request is about to be made
---@field detached boolean nothing is to be drawn any more

-- Lines of data, not of code: to look at one takes milliseconds, which each key would take longer.
local MAX_BYTES = 100000

---@type table<integer|'all', boolean> where the user has turned ghost text off, by buffer
local paused = {}

--- Ghost text off or on.
---@param on? boolean nil: the opposite of what is
---@param bufnr? integer nil: everywhere
function M.turn(on, bufnr)
  local where = bufnr or 'all'
  paused[where] = on == false or on == nil and not paused[where]
end

--- Whether nothing is suggested in the cursor's line because of its length.
---@return boolean
function M.is_line_too_long()
  return vim.fn.col('$') > MAX_BYTES
end

--- What the option `ghost.enabled` says; a function there never fails (see `config.lua`).
---@param enabled boolean|fun(bufnr: integer): boolean
---@param bufnr integer
---@return boolean
local function is_enabled(enabled, bufnr)
  if type(enabled) == 'function' then
    return enabled(bufnr)
  end
  return enabled
end

--- Whether text is being typed.
---@return boolean
function M.is_insert_mode()
  return vim.startswith(api.nvim_get_mode().mode, 'i')
end

--- Why no ghost text is wanted in a buffer.
---@param bufnr integer
---@return string? why nil where it is wanted
function M.why_off(bufnr)
  local options = require('fimbria.config').get().ghost
  local filetype = vim.bo[bufnr].filetype
  if paused.all then
    return 'turned off everywhere'
  elseif paused[bufnr] then
    return 'turned off in this buffer'
  elseif not is_enabled(options.enabled, bufnr) then
    return 'the option `ghost.enabled` says so'
  elseif options.filetypes and not vim.list_contains(options.filetypes, filetype) then
    return ('%s is not among `ghost.filetypes`'):format(filetype)
  end
end

--- Take the ghost text away.
---@param buffer fimbria.Buffer
function M.hide(buffer)
  if buffer.drawn then
    buffer.drawn = false
    draw.clear(buffer.bufnr)
  end
end

--- Forget suggestions, all but those that `kept` says.
---@param buffer fimbria.Buffer
---@param kept fimbria.Suggestion[]
function M.replace_candidates(buffer, kept)
  local in_use = {} ---@type table<integer, true>
  for _, one in ipairs(kept) do
    in_use[one.anchor] = true
  end
  for _, one in ipairs(buffer.candidates) do
    if not in_use[one.anchor] then
      suggestions.release(buffer.bufnr, one.anchor)
    end
  end
  buffer.candidates, buffer.index = kept, 1
end

--- What is left of the chosen candidate at the cursor. Those that do not fit any more are
--- forgotten.
---@param buffer fimbria.Buffer
---@return fimbria.Rest?
function M.current_rest(buffer)
  local chosen = buffer.candidates[buffer.index]
  if not chosen then
    return nil
  end
  local entry = menu.pending_entry()
  local rest = suggestions.rest(chosen, buffer.bufnr, entry)
  if rest then
    return rest
  end
  local fitting = vim.tbl_filter(function(one)
    return suggestions.rest(one, buffer.bufnr, entry) ~= nil
  end, buffer.candidates)
  M.replace_candidates(buffer, fitting)
  return fitting[1] and suggestions.rest(fitting[1], buffer.bufnr, entry)
end

--- Whether something else than the suggestions says that nothing is to be drawn now.
---@param buffer fimbria.Buffer
---@return boolean
function M.is_hushed(buffer)
  return not M.is_insert_mode()
    or api.nvim_get_current_buf() ~= buffer.bufnr
    or M.why_off(buffer.bufnr) ~= nil
    or M.is_line_too_long()
    or (require('fimbria.config').get().ghost.hide_with_menu and menu.is_open())
end

--- Draw what fits at the cursor, and nothing else.
---@param buffer fimbria.Buffer
---@param with_hint? boolean say which of how many candidates it is
---@return boolean fits whether there is something, drawn or hushed
function M.redraw(buffer, with_hint)
  local rest = M.current_rest(buffer)
  if not rest or M.is_hushed(buffer) then
    M.hide(buffer)
    return rest ~= nil
  end
  local count = #buffer.candidates
  local hint = with_hint and count > 1 and (' (%d/%d)'):format(buffer.index, count) or nil
  draw.draw(buffer.bufnr, rest, hint)
  buffer.drawn = true
  if not rest.suggestion.was_drawn then
    rest.suggestion.was_drawn = true
    events.shown(rest.suggestion)
  end
  return true
end

--- Those that fit, each text once.
---@param buffer fimbria.Buffer
---@param found fimbria.Suggestion[]
---@return fimbria.Suggestion[]
function M.distinct(buffer, found)
  local entry = menu.pending_entry()
  local texts = {} ---@type table<string, true>
  local kept = {} ---@type fimbria.Suggestion[]
  for _, one in ipairs(found) do
    local rest = suggestions.rest(one, buffer.bufnr, entry)
    if rest and not texts[rest.text] then
      texts[rest.text] = true
      kept[#kept + 1] = one
    end
  end
  return kept
end

return M
