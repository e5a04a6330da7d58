--- Chat about the code: questions and streamed answers, as docs/chat-protocol.md of Fimbria
--- describes.

local shown = require('fimbria.chat_shown')
local tell = require('fimbria.tell')
local view = require('fimbria.chat_view')

local M = {}

local api = vim.api
local TOKEN = 'fimbria-chat-'

---@class (private) fimbria.Conversation
---@field source integer buffer that is talked about
---@field references table[] for the next question
---@field editing? fimbria.ChatTurn the question in whose place the next one is asked
---@field number integer of the newest question
---@field request_id? integer of the question that is being answered
---@field client_id? integer of the server that is answering

---@type fimbria.Conversation
local now = { source = 0, references = {}, number = 0 }

--- The server to ask: that of the file that is talked about, or else any.
---@return vim.lsp.Client?
---@return integer source buffer that is talked about, or 0
function M.client()
  if not api.nvim_buf_is_valid(now.source) then
    now.source = 0
  end
  local server = require('fimbria.client').of(now.source)
  return server or vim.lsp.get_clients({ name = 'fimbria' })[1], now.source
end

--- Talk about the current buffer from now on, unless it is the chat itself.
---@return boolean is_file
function M.look_here()
  local bufnr = api.nvim_get_current_buf()
  if vim.startswith(api.nvim_buf_get_name(bufnr), 'fimbria://') then
    return false
  end
  now.source = bufnr
  return true
end

--- `$/progress`: the pieces of an answer.
---@param params lsp.ProgressParams
---@return boolean is_chat nobody else has to look at it
function M.on_progress(params)
  local is_chat = vim.startswith(tostring(params.token), TOKEN)
  if is_chat and params.token == TOKEN .. now.number then
    shown.progressed(params.value --[[@as table<string, any>]])
  end
  return is_chat
end

--- A server has ended, and with it the answer that it was giving.
---@param client_id integer
function M.server_ended(client_id)
  if now.client_id == client_id and now.request_id then
    now.request_id, now.number = nil, now.number + 1
    shown.ended('\n> the server has ended; ask again\n')
  end
end

---@param number integer
---@param err? lsp.ResponseError
---@param result? table<string, any>
local function answered(number, err, result)
  if number ~= now.number then
    return
  end
  now.request_id = nil
  if err then
    shown.ended(('> %s\n'):format(err.message))
  elseif result then
    require('fimbria.status').recovered()
    shown.answered(result)
  end
end

---@param text string
---@param instead? fimbria.ChatTurn
---@return boolean sent
local function ask(text, instead)
  local server = M.client()
  if not server then
    tell('no server; :Fimbria health tells why')
    return false
  end
  M.stop()
  now.number = now.number + 1
  local number = now.number
  local turn = shown.begin(text, instead and instead.references or now.references, instead)
  local params = {
    message = text,
    conversation = shown.current(),
    references = turn.references,
    replaces = turn.replaces,
    partialResultToken = TOKEN .. number,
  }
  now.references, now.client_id = {}, server.id
  local _, request_id = server:request('fimbria/chat', params, function(err, result)
    answered(number, err, result)
  end, now.source)
  if number == now.number then
    now.request_id = request_id
  end
  return true
end

--- End the answer that is being made; what there is of it stays.
---@return boolean stopped whether there was one
function M.stop()
  local server = now.client_id and vim.lsp.get_client_by_id(now.client_id)
  if server and now.request_id then
    -- Neovim keeps the response to itself; nothing more of this answer counts.
    server:cancel_request(now.request_id)
    now.request_id, now.number = nil, now.number + 1
    shown.ended(' …\n')
    return true
  end
  return false
end

--- The next question is a further one.
local function leave_editing()
  now.editing = nil
  view.set_hint('')
end

---@type fimbria.ChatEvents
local EVENTS = {
  show_all = shown.show_all,
  send = function(text)
    local sent = ask(text, now.editing)
    if sent then
      leave_editing()
    end
    return sent
  end,
  stop = function()
    if not M.stop() and now.editing then
      leave_editing()
      view.write('')
    end
  end,
}

---@param bufnr integer
---@param arguments? vim.api.keyset.create_user_command.command_args
---@return table[]
local function references(bufnr, arguments)
  if not api.nvim_buf_is_valid(bufnr) or vim.bo[bufnr].buftype ~= '' then
    return {}
  end
  if api.nvim_buf_get_name(bufnr) == '' then
    return {}
  end
  local uri = vim.uri_from_bufnr(bufnr)
  if not arguments or arguments.range == 0 then
    return { { uri = uri } }
  end
  local range = {
    start = { line = arguments.line1 - 1, character = 0 },
    ['end'] = { line = arguments.line2, character = 0 },
  }
  return { { uri = uri, range = range } }
end

--- Show in the chat why nobody answers, if so.
---@param server vim.lsp.Client
local function tell_whether_available(server)
  server:request('fimbria/chat/status', vim.empty_dict(), function(err, result)
    local why = err and err.message or result and result.whyNot or ''
    if why ~= '' then
      view.append(('> %s\n'):format(why))
    end
  end, now.source)
end

--- Open the chat about a buffer, and ask if there is something to ask. A new conversation is given
--- the file; one that goes on only what is selected.
---@param text string
---@param arguments? vim.api.keyset.create_user_command.command_args
function M.open(text, arguments)
  local is_selection = arguments and arguments.range > 0
  if M.look_here() and (is_selection or not shown.current()) then
    now.references = references(now.source, arguments)
  end
  local server = M.client()
  if not server then
    tell('no server; :Fimbria health tells why')
    return
  end
  local is_new = not view.buffer()
  view.open(EVENTS)
  if text ~= '' then
    ask(text)
  elseif is_new then
    tell_whether_available(server)
  end
end

--- Ask the last question again; the answer takes the place of the one that there is.
function M.again()
  local last = shown.last()
  if not last then
    tell('nothing was asked yet')
    return
  end
  if not view.is_shown() then
    view.open(EVENTS)
  end
  ask(last.question, last)
end

--- Change the question at the chat's cursor: the next one that is sent takes its place.
function M.edit()
  local turn = shown.turn_at_cursor()
  if not turn then
    tell('nothing was asked yet')
    return
  end
  view.open(EVENTS)
  now.editing = turn
  view.set_hint('in the place of an earlier question; <C-c> leaves that')
  view.write(turn.question)
  vim.cmd('startinsert!')
end

--- Begin a new conversation.
function M.new()
  M.stop()
  leave_editing()
  now.references = references(now.source)
  shown.clear()
end

--- Show a conversation that the server has kept, and go on with it.
---@param kept table<string, any> of `fimbria/chat/get`
function M.show(kept)
  view.open(EVENTS)
  M.new()
  now.references = {}
  shown.restore(kept)
end

return M
