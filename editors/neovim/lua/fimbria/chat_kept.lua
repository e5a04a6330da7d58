--- Conversations that the server keeps: chosen, renamed, deleted.

local chat = require('fimbria.chat')
local shown = require('fimbria.chat_shown')
local tell = require('fimbria.tell')

local M = {}

--- Ask the server something about conversations, and tell what goes wrong.
---@param method string below `fimbria/chat/`
---@param params table
---@param done fun(result: any)
local function request(method, params, done)
  local server, source = chat.client()
  if not server then
    tell('no server; :Fimbria health tells why')
    return
  end
  server:request('fimbria/chat/' .. method, params, function(err, result)
    if err then
      tell(err.message)
    else
      done(result)
    end
  end, source)
end

--- Show an earlier conversation, and go on with it.
---@param id string
local function go_on(id)
  request('get', { conversation = id }, chat.show)
end

--- Choose one of the earlier conversations and go on with it.
function M.choose()
  chat.look_here()
  request('list', { limit = 100 }, function(found)
    if #found == 0 then
      tell('there are no conversations yet')
      return
    end
    local options = {
      prompt = 'Fimbria: conversation',
      kind = 'fimbria_conversation',
      format_item = function(item)
        return ('%s  %s'):format(os.date('%Y-%m-%d', math.floor(item.updated)), item.title)
      end,
    }
    vim.ui.select(found, options, function(item)
      if item then
        go_on(item.conversation)
      end
    end)
  end)
end

--- The conversation that is shown.
---@return string? id
---@return string title
local function current()
  local id, title = shown.current()
  if not id then
    tell('nothing was said in this conversation yet')
  end
  return id, title
end

--- Give the conversation another name, which is asked for.
function M.rename()
  local id, title = current()
  if not id then
    return
  end
  vim.ui.input({ prompt = 'Fimbria: name of the conversation: ', default = title }, function(name)
    if name and vim.trim(name) ~= '' then
      request('rename', { conversation = id, title = name }, function()
        if shown.current() == id then
          shown.name(id, vim.trim(name))
        end
      end)
    end
  end)
end

--- Delete the conversation, after a question.
function M.delete()
  local id, title = current()
  if not id then
    return
  end
  local question = ('Fimbria: delete the conversation “%s” for good?'):format(title)
  if vim.fn.confirm(question, '&Delete\n&Keep', 2, 'Warning') == 1 then
    request('delete', { conversation = id }, function()
      if shown.current() == id then
        chat.new()
      end
    end)
  end
end

return M
