--- What was said in a conversation, turn by turn.

local M = {}

---@class fimbria.ChatTurn
---@field question string
---@field references table[] what it came with, as the server was told
---@field id? string of the question, once the server has it
---@field replaces? string id of the question in whose place this one stands when it is answered
---@field notes string what is told before the answer
---@field answer string
---@field ending string what is told after it

---@param question string
---@param references table[]
---@param replaces? string
---@return fimbria.ChatTurn
function M.new(question, references, replaces)
  return {
    question = question,
    references = references,
    replaces = replaces,
    notes = '',
    answer = '',
    ending = '',
  }
end

--- The turns of a conversation that the server has kept.
---@param messages table[] of `fimbria/chat/get`
---@return fimbria.ChatTurn[]
function M.restored(messages)
  local turns = {} ---@type fimbria.ChatTurn[]
  for _, message in ipairs(messages) do
    if message.role == 'user' then
      turns[#turns + 1] = M.new(message.content, message.references or {})
      turns[#turns].id, turns[#turns].ending = message.id, '> this question was not answered\n'
    elseif turns[#turns] then
      turns[#turns].answer, turns[#turns].ending = message.content, '\n'
    end
  end
  return turns
end

--- What is taken back when a question is asked again, or in other words: from which turn on, and
--- the id by which the server knows that. It does not know of questions that did not reach it.
---@param turns fimbria.ChatTurn[]
---@param instead? fimbria.ChatTurn nil for a further question
---@return integer first
---@return string? replaces
function M.place(turns, instead)
  local first = #turns + 1
  for number = #turns, 1, -1 do
    local turn = turns[number]
    if turn == instead or (instead and instead.replaces and turn.id == instead.replaces) then
      first = number
    end
  end
  for number = first, #turns do
    if turns[number].id then
      return first, turns[number].id
    end
  end
  return first, nil
end

--- What stands there when nothing was answered in the place of something: that, and the question.
---@param held fimbria.ChatTurn[]
---@param unanswered fimbria.ChatTurn
---@return fimbria.ChatTurn[]
function M.put_back(held, unanswered)
  local turns = vim.tbl_filter(function(turn)
    return turn.replaces == nil
  end, held)
  unanswered.id = nil
  turns[#turns + 1] = unanswered
  return turns
end

return M
