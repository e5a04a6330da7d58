--- The conversation that is shown, with its turns as they grow.

local turns = require('fimbria.chat_turns')
local view = require('fimbria.chat_view')

local M = {}

---@class (private) fimbria.Shown
---@field id? string none before something was said
---@field title string
---@field turns fimbria.ChatTurn[]
---@field held? fimbria.ChatTurn[] what stood there, until something is said in its place

---@type fimbria.Shown
local now = { title = '', turns = {} }

---@return string? id
---@return string title
function M.current()
  return now.id, now.title
end

---@return fimbria.ChatTurn?
function M.last()
  return now.turns[#now.turns]
end

---@return fimbria.ChatTurn?
function M.turn_at_cursor()
  return now.turns[view.turn_at_cursor() or #now.turns]
end

--- It has an id and a name.
---@param id string
---@param title? string
function M.name(id, title)
  now.id, now.title = id, title or now.title
  view.set_title(now.title)
end

--- Show what was said anew.
function M.show_all()
  view.show(now.turns)
end

--- Show an empty conversation.
function M.clear()
  now = { title = '', turns = {} }
  view.set_title('')
  view.show(now.turns)
end

--- Show a conversation that the server has kept.
---@param kept table<string, any> of `fimbria/chat/get`
function M.restore(kept)
  now = { title = '', turns = turns.restored(kept.messages) }
  M.name(kept.conversation, kept.title)
  view.show(now.turns)
end

--- Put a question at the end of what was said, or in the place of an earlier one.
---@param text string
---@param references table[]
---@param instead? fimbria.ChatTurn
---@return fimbria.ChatTurn
function M.begin(text, references, instead)
  local first, replaces = turns.place(now.turns, instead)
  local turn = turns.new(text, references, replaces)
  now.held = replaces and now.turns or nil
  if first <= #now.turns then
    now.turns = vim.list_slice(now.turns, 1, first - 1)
    view.show(now.turns)
  end
  now.turns[#now.turns + 1] = turn
  view.begin(turn)
  return turn
end

--- Something of the newest answer; what it takes the place of is gone with the first words.
---@param text string
local function said(text)
  local turn = now.turns[#now.turns]
  turn.answer = turn.answer .. text
  if vim.trim(turn.answer) ~= '' then
    now.held, turn.replaces = nil, nil
  end
  view.append(text)
end

--- A partial result of `fimbria/chat`.
---@param value table<string, any>
function M.progressed(value)
  if value.kind == 'text' then
    said(value.text)
  elseif value.kind == 'begin' then
    M.name(value.conversation, value.title)
    local turn = now.turns[#now.turns]
    turn.id = value.question
    for _, reference in ipairs(value.references or {}) do
      if reference.problem ~= '' then
        turn.notes = turn.notes .. ('> %s\n\n'):format(reference.problem)
      end
    end
    view.append(turn.notes)
  end
end

--- The newest answer has ended without a result. Where it had not begun, nothing is taken back.
---@param note string what is told about that
function M.ended(note)
  local turn = now.turns[#now.turns]
  turn.ending = note
  view.append(note)
  if now.held then
    now.turns, now.held = turns.put_back(now.held, turn), nil
    view.show(now.turns)
  end
end

--- The result of `fimbria/chat`.
---@param result table<string, any>
function M.answered(result)
  local turn = now.turns[#now.turns]
  M.name(result.conversation, result.title)
  turn.id = result.question or turn.id
  if turn.answer == '' then
    said(result.answer.content)
  end
  M.ended('\n')
end

return M
