--- Code actions by name: what `vim.lsp.buf.code_action()` offers, one of them at once.

local M = {}

---@class (private) fimbria.ActionCommand
---@field about string
---@field kind string of the code actions that the server offers
---@field title? string how the title of ours begins, where other servers have the same kind

---@type table<string, fimbria.ActionCommand>
M.COMMANDS = {
  explain = { about = 'explain the selection or definition', kind = 'fimbria.explain' },
  doc = { about = 'write a docstring for the definition', kind = 'refactor.rewrite.docstring' },
  fix = { about = 'fix what is reported at the cursor', kind = 'quickfix', title = 'Fix: ' },
  tests = { about = 'write tests for the definition', kind = 'fimbria.tests' },
  simplify = { about = 'simplify the code', kind = 'refactor.rewrite.simplify' },
  annotate = { about = 'add type annotations', kind = 'refactor.rewrite.annotate' },
  complete = { about = 'complete the function', kind = 'refactor.rewrite.complete' },
}

---@param arguments? vim.api.keyset.create_user_command.command_args
---@return { start: [integer, integer], ['end']: [integer, integer] }? range row from 1, byte from 0
local function range_of(arguments)
  if not arguments or arguments.range == 0 then
    return nil
  end
  local last = vim.api.nvim_buf_get_lines(0, arguments.line2 - 1, arguments.line2, false)[1] or ''
  return { start = { arguments.line1, 0 }, ['end'] = { arguments.line2, math.max(0, #last - 1) } }
end

---@param client vim.lsp.Client
---@param arguments? vim.api.keyset.create_user_command.command_args
---@return boolean
local function is_reported(client, arguments)
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  local first, last = row, row
  if arguments and arguments.range > 0 then
    first, last = arguments.line1 - 1, arguments.line2 - 1
  end
  local range = {
    start = { line = first, character = 0 },
    ['end'] = { line = last, character = 0 },
  }
  return #require('fimbria.diagnostics').within(0, range, client.offset_encoding) > 0
end

---@param command fimbria.ActionCommand
---@param arguments? vim.api.keyset.create_user_command.command_args
local function offer(command, arguments)
  vim.lsp.buf.code_action({
    context = { only = { command.kind } },
    range = range_of(arguments),
    apply = true,
    filter = function(action)
      return not command.title or vim.startswith(action.title, command.title)
    end,
  })
end

--- Do what a code action of ours does, at the cursor or for a range of lines; where there are
--- several, choose.
---@param name string of `COMMANDS`
---@param arguments? vim.api.keyset.create_user_command.command_args
function M.run(name, arguments)
  require('fimbria.client').with(vim.api.nvim_get_current_buf(), function(client)
    local command = M.COMMANDS[name]
    if command.kind == 'quickfix' and not is_reported(client, arguments) then
      require('fimbria.tell')('no diagnostic here')
    elseif command.kind ~= 'fimbria.explain' and vim.api.nvim_buf_get_name(0) == '' then
      -- Neovim would apply the edit to another buffer, a new one.
      require('fimbria.tell')('save this buffer under a name first')
    else
      offer(command, arguments)
    end
  end)
end

---@class (private) fimbria.Place
---@field uri string
---@field version integer
---@field range lsp.Range

---@param client vim.lsp.Client
---@param place fimbria.Place
---@param instruction string
local function edit_with(client, place, instruction)
  local argument = vim.tbl_extend('force', place, { instruction = instruction })
  client:exec_cmd({
    title = 'Edit with instruction',
    command = 'fimbria.editWithInstruction',
    arguments = { argument },
  })
end

--- The server's `fimbria.askInstruction`: ask what to do with a place.
---@param command lsp.Command
---@param context lsp.HandlerContext
function M.ask_instruction(command, context)
  local client = vim.lsp.get_client_by_id(context.client_id)
  vim.ui.input({ prompt = 'Fimbria: what to do? ' }, function(instruction)
    if client and instruction and vim.trim(instruction) ~= '' then
      edit_with(client, command.arguments[1], instruction)
    end
  end)
end

--- Edit the line of the cursor, or a range of lines, as the user says.
---@param instruction string empty: ask for it
---@param arguments? vim.api.keyset.create_user_command.command_args
function M.edit(instruction, arguments)
  require('fimbria.client').with(vim.api.nvim_get_current_buf(), function(client)
    M._edit(client, instruction, arguments)
  end)
end

---@package
---@param client vim.lsp.Client
---@param instruction string
---@param arguments? vim.api.keyset.create_user_command.command_args
function M._edit(client, instruction, arguments)
  local range = range_of(arguments)
  local encoding = client.offset_encoding
  local params = range
      and vim.lsp.util.make_given_range_params(range.start, range['end'], 0, encoding)
    or vim.lsp.util.make_range_params(0, encoding)
  local place = {
    uri = params.textDocument.uri,
    version = vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()],
    range = params.range,
  }
  if instruction ~= '' then
    edit_with(client, place, instruction)
  else
    local context = { client_id = client.id } --[[@as lsp.HandlerContext]]
    M.ask_instruction({ title = '', command = '', arguments = { place } }, context)
  end
end

return M
