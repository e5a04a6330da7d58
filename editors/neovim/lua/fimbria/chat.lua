--- Chat about the code: questions and streamed answers, as docs/chat-protocol.md of Fimbria describes.

local view = require('fimbria.chat_view')

local M = {}

local api = vim.api
local TOKEN = 'fimbria-chat-'

---@class (private) fimbria.Conversation
---@field id? string
---@field source integer buffer that is talked about
---@field client_id? integer of the server that is answering
---@field number integer of the newest question
---@field request_id? integer of the question that is being answered
---@field streamed boolean some of its answer has come
---@field references table[] for the next question

---@type fimbria.Conversation
local now = { source = 0, number = 0, streamed = false, references = {} }

---@param text string
local function warn(text)
  vim.notify('Fimbria: ' .. text, vim.log.levels.WARN)
end

--- The server to ask: that of the file that is talked about, or else any.
---@return vim.lsp.Client?
local function client()
  if not api.nvim_buf_is_valid(now.source) then
    now.source = 0
  end
  return require('fimbria.client').of(now.source) or vim.lsp.get_clients({ name = 'fimbria' })[1]
end

--- Talk about the current buffer from now on, unless it is the chat itself.
---@return boolean is_file
local function look_here()
  local bufnr = api.nvim_get_current_buf()
  if vim.startswith(api.nvim_buf_get_name(bufnr), 'fimbria://') then
    return false
  end
  now.source = bufnr
  return true
end

--- `$/progress`: the pieces of an answer; everything else is Neovim's.
---@param err lsp.ResponseError?
---@param params lsp.ProgressParams
---@param ctx lsp.HandlerContext
---@return any
function M.on_progress(err, params, ctx)
  if not vim.startswith(tostring(params.token), TOKEN) then
    return vim.lsp.handlers['$/progress'](err, params, ctx)
  end
  if params.token ~= TOKEN .. now.number then
    return nil
  end
  local value = params.value --[[@as table<string, any>]]
  if value.kind == 'text' then
    now.streamed = true
    view.append(value.text)
  elseif value.kind == 'begin' then
    now.id = value.conversation
    for _, reference in ipairs(value.references or {}) do
      if reference.problem ~= '' then
        view.append(('> %s\n\n'):format(reference.problem))
      end
    end
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
    view.append(('> %s\n'):format(err.message))
  elseif result then
    now.id = result.conversation
    view.append((now.streamed and '' or result.answer.content) .. '\n')
  end
end

---@param text string
local function ask(text)
  local server = client()
  if not server then
    warn('no server; :Fimbria health tells why')
    return
  end
  M.stop()
  now.number, now.streamed = now.number + 1, false
  local number = now.number
  view.append(('\n## You\n\n%s\n\n## Fimbria\n\n'):format(text))
  local params = {
    message = text,
    conversation = now.id,
    references = now.references,
    partialResultToken = TOKEN .. number,
  }
  now.references, now.client_id = {}, server.id
  local _, request_id = server:request('fimbria/chat', params, function(err, result)
    answered(number, err, result)
  end, now.source)
  if number == now.number then
    now.request_id = request_id
  end
end

--- End the answer that is being made; what there is of it stays.
---@return boolean stopped whether there was one
function M.stop()
  local server = now.client_id and vim.lsp.get_client_by_id(now.client_id)
  if server and now.request_id then
    -- Neovim keeps the response to itself; nothing more of this answer counts.
    server:cancel_request(now.request_id)
    now.request_id, now.number = nil, now.number + 1
    view.append(' …\n')
    return true
  end
  return false
end

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

--- Open the chat about a buffer, and ask if there is something to ask. A new conversation is given the
--- file; one that goes on only what is selected.
---@param text string
---@param arguments? vim.api.keyset.create_user_command.command_args
function M.open(text, arguments)
  local is_selection = arguments and arguments.range > 0
  if look_here() and (is_selection or not now.id) then
    now.references = references(now.source, arguments)
  end
  local server = client()
  if not server then
    warn('no server; :Fimbria health tells why')
    return
  end
  local is_new = not view.buffer()
  view.open(ask, M.stop)
  if text ~= '' then
    ask(text)
  elseif is_new then
    tell_whether_available(server)
  end
end

--- Begin a new conversation.
function M.new()
  M.stop()
  now.id, now.references = nil, references(now.source)
  view.clear()
end

--- Choose one of the earlier conversations and go on with it.
function M.choose()
  look_here()
  local server = client()
  if not server then
    warn('no server; :Fimbria health tells why')
    return
  end
  server:request('fimbria/chat/list', { limit = 50 }, function(err, found)
    if err or not found or #found == 0 then
      warn(err and err.message or 'there are no conversations yet')
      return
    end
    local options = {
      prompt = 'Fimbria: conversation',
      format_item = function(item)
        return ('%s  %s'):format(os.date('%Y-%m-%d', math.floor(item.updated)), item.title)
      end,
    }
    vim.ui.select(found, options, function(item)
      if item then
        M.go_on(server, item.conversation)
      end
    end)
  end, now.source)
end

--- Show an earlier conversation, and go on with it.
---@param server vim.lsp.Client
---@param id string
function M.go_on(server, id)
  server:request('fimbria/chat/get', { conversation = id }, function(err, found)
    if err or not found then
      warn(err and err.message or 'this conversation is gone')
      return
    end
    view.open(ask, M.stop)
    M.new()
    now.id, now.references = id, {}
    for _, message in ipairs(found.messages) do
      local who = message.role == 'user' and 'You' or 'Fimbria'
      view.append(('\n## %s\n\n%s\n'):format(who, message.content))
    end
  end, now.source)
end

--- Put the code block at the cursor of the chat into the registers.
function M.yank_block()
  local block = view.block_at_cursor()
  if not block then
    warn('there is no code block here')
    return
  end
  vim.fn.setreg('"', block.code)
  pcall(vim.fn.setreg, '+', block.code)
  vim.notify(('Fimbria: %d lines yanked'):format(#vim.split(block.code, '\n') - 1))
end

--- Make the code block at the cursor of the chat an edit of the file that is talked about.
---@param mode 'diff'|'insert'
function M.apply_block(mode)
  local block, server = view.block_at_cursor(), client()
  if not block or not server or now.source == 0 then
    warn('there is no code block here, or no file to apply it to')
    return
  end
  local win = vim.fn.bufwinid(now.source)
  local params = {
    code = block.code,
    language = block.language,
    textDocument = { uri = vim.uri_from_bufnr(now.source) },
    mode = mode,
  }
  if mode == 'insert' and win == -1 then
    warn('the file is in no window; show it first')
    return
  elseif mode == 'insert' then
    params.position = vim.lsp.util.make_position_params(win, server.offset_encoding).position
  end
  server:request('fimbria/chat/applyBlock', params, function(err, result)
    if err or not result then
      warn(err and err.message or 'nothing was applied')
    elseif result.edit and result.edit ~= vim.NIL then
      vim.lsp.util.apply_workspace_edit(result.edit, server.offset_encoding)
    end
  end, now.source)
end

return M
