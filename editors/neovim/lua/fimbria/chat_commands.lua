--- The words after `:Fimbria chat` that are no question.

local M = {}

---@type table<string, { about: string, run: fun() }>
local COMMANDS = {
  new = {
    about = 'begin a new conversation',
    run = function()
      require('fimbria.chat').new()
      require('fimbria.chat').open('')
    end,
  },
  list = {
    about = 'go on with an earlier conversation',
    run = function()
      require('fimbria.chat_kept').choose()
    end,
  },
  again = {
    about = 'ask the last question again',
    run = function()
      require('fimbria.chat').again()
    end,
  },
  edit = {
    about = 'change a question, and send it in its place',
    run = function()
      require('fimbria.chat').edit()
    end,
  },
  rename = {
    about = 'give the conversation another name',
    run = function()
      require('fimbria.chat_kept').rename()
    end,
  },
  delete = {
    about = 'delete the conversation',
    run = function()
      require('fimbria.chat_kept').delete()
    end,
  },
}

---@param name string one of `names()`
function M.run_alone(name)
  COMMANDS[name].run()
end

--- Run a command if there is nothing but its name, else ask what the words ask.
---@param words string[]
---@param arguments vim.api.keyset.create_user_command.command_args
function M.run(words, arguments)
  local command = #words == 1 and arguments.range == 0 and COMMANDS[words[1]]
  if command then
    command.run()
  else
    require('fimbria.chat').open(table.concat(words, ' '), arguments)
  end
end

--- The commands' names.
---@return string[]
function M.names()
  return vim.fn.sort(vim.tbl_keys(COMMANDS))
end

--- Each command with what it does, for the documentation's test.
---@return table<string, string>
function M.about()
  return vim.tbl_map(function(command)
    return command.about
  end, COMMANDS)
end

return M
