--- The subcommands of `:Fimbria`.

local M = {}

---@class (private) fimbria.Subcommand
---@field about string
---@field run fun(words: string[], arguments: vim.api.keyset.create_user_command.command_args)
---@field complete? fun(): string[]

---@param text string
---@param level? integer
local function tell(text, level)
  require('fimbria.tell')(text, level or vim.log.levels.INFO)
end

---@param name string
local function use_model(name)
  require('fimbria.client').configure({ model = name })
  tell(('model %s, until Neovim ends'):format(name))
end

local function choose_model()
  tell('asking for the models …')
  require('fimbria.models').ask(0, function(names, why)
    if not names then
      tell(why, vim.log.levels.WARN)
      return
    end
    vim.ui.select(names, { prompt = 'Fimbria: model' }, function(name)
      if name then
        use_model(name)
      end
    end)
  end)
end

--- Where the server logs to when it is not told otherwise.
---@return string
local function default_log_folder()
  if vim.fn.has('win32') == 1 then
    return vim.fs.joinpath(vim.env.LOCALAPPDATA or '~/AppData/Local', 'fimbria/fimbria/Logs')
  elseif vim.fn.has('mac') == 1 then
    return '~/Library/Logs/fimbria'
  end
  return vim.fs.joinpath(vim.env.XDG_STATE_HOME or '~/.local/state', 'fimbria/log')
end

---@return string
local function log_file()
  local server = require('fimbria.config').get().server
  local chosen = server.log_file or vim.env.FIMBRIA_LOG_FILE
  return vim.fs.normalize(chosen or vim.fs.joinpath(default_log_folder(), 'lsp.log'))
end

local function show_log()
  local file = log_file()
  if vim.uv.fs_stat(file) then
    vim.cmd.tabedit(vim.fn.fnameescape(file))
    -- What was written last is why it is opened.
    vim.api.nvim_win_set_cursor(0, { vim.api.nvim_buf_line_count(0), 0 })
  else
    tell(('nothing is logged yet to %s'):format(file), vim.log.levels.WARN)
  end
end

---@param words string[]
local function toggle(words)
  local bufnr = words[1] == 'buffer' and vim.api.nvim_get_current_buf() or nil
  local ghost = require('fimbria.ghost')
  ghost.toggle(nil, bufnr)
  local why_off = ghost.why_off(0)
  tell(why_off and ('ghost text off: ' .. why_off) or 'ghost text on')
end

local function show_status()
  local status = require('fimbria.status').get()
  local client = require('fimbria.client').of(0)
  local server = client
      and (', server %s'):format(client.server_info and client.server_info.version or '?')
    or ''
  local message = status.message and (': ' .. status.message:gsub('%.$', '')) or ''
  if not client or status.state ~= 'ready' then
    tell(status.state .. message .. server)
    return
  end
  local params = { uri = vim.uri_from_bufnr(0) }
  client:request('fimbria/status', params, function(_, answer)
    local reticence = answer and answer.reticence
    tell(type(reticence) == 'string' and reticence or status.state .. server)
  end, 0)
end

---@type table<string, fimbria.Subcommand>
local SUBCOMMANDS = {
  status = { about = 'what Fimbria is doing here', run = show_status },
  toggle = {
    about = 'ghost text on or off; `toggle buffer`: here',
    run = toggle,
    complete = function()
      return { 'buffer' }
    end,
  },
  restart = {
    about = 'end the server and start it anew',
    run = function()
      require('fimbria.client').restart()
      tell('the server is started anew')
    end,
  },
  cancel = {
    about = 'stop what runs: actions and the answer in the chat',
    run = function()
      local stopped = require('fimbria.chat').stop()
      if require('fimbria.work').cancel() == 0 and not stopped then
        tell('nothing is running')
      end
    end,
  },
  stop = {
    about = 'end the server; `restart` brings it back',
    run = function()
      require('fimbria.client').stop()
      tell('stopped; :Fimbria restart brings it back')
    end,
  },
  model = {
    about = 'take another model: a name, or choose one',
    run = function(words)
      if words[1] then
        use_model(words[1])
      else
        choose_model()
      end
    end,
    complete = function()
      return require('fimbria.models').known()
    end,
  },
  log = {
    about = "the server's log",
    run = show_log,
  },
  health = {
    about = 'what is there and what is missing',
    run = function()
      vim.cmd.checkhealth('fimbria')
    end,
  },
}

for name, command in pairs(require('fimbria.actions').COMMANDS) do
  SUBCOMMANDS[name] = {
    about = command.about,
    run = function(_, arguments)
      require('fimbria.actions').run(name, arguments)
    end,
  }
end
SUBCOMMANDS.edit = {
  about = 'edit as you say; with a range, those lines',
  run = function(words, arguments)
    require('fimbria.actions').edit(table.concat(words, ' '), arguments)
  end,
}

SUBCOMMANDS.chat = {
  about = 'open the chat, or ask in it; a range is what the question is about',
  run = function(words, arguments)
    require('fimbria.chat_commands').run(words, arguments)
  end,
  complete = function()
    return require('fimbria.chat_commands').names()
  end,
}

---@return string[]
local function names()
  return vim.fn.sort(vim.tbl_keys(SUBCOMMANDS))
end

--- Run what stands behind `:Fimbria`.
---@param arguments vim.api.keyset.create_user_command.command_args
function M.run(arguments)
  local words = vim.list_slice(arguments.fargs)
  local name = table.remove(words, 1) or 'status'
  local subcommand = SUBCOMMANDS[name]
  if subcommand then
    subcommand.run(words, arguments)
    return
  end
  local near = vim.fn.matchfuzzy(names(), name)[1]
  -- All their names would not fit one line.
  local hint = near and (' Perhaps `%s`?'):format(near) or ' <Tab> lists what there is.'
  tell(('no `:Fimbria %s`.%s'):format(name, hint), vim.log.levels.ERROR)
end

--- What could stand there.
---@param typed string the last word, as far as it is typed
---@param line string
---@return string[]
function M.complete(typed, line)
  local words = vim.split((line:gsub('^.-Fimbria%s+', '')), '%s+')
  local choices = names()
  if #words == 1 and #typed > 0 and vim.startswith('model', typed) then
    require('fimbria.models').known() -- the next Tab will want them
  elseif #words > 1 then
    local subcommand = SUBCOMMANDS[words[1]]
    local is_known = #words == 2 and subcommand and subcommand.complete
    choices = is_known and subcommand.complete() or {}
  end
  return vim.tbl_filter(function(choice)
    return vim.startswith(choice, typed)
  end, choices)
end

--- Each subcommand with what it does, for the documentation's test.
---@return table<string, string>
function M.about()
  return vim.tbl_map(function(subcommand)
    return subcommand.about
  end, SUBCOMMANDS)
end

return M
