--- What can be done with an answer of the chat, and with the code in it.

local chat = require('fimbria.chat')
local shown = require('fimbria.chat_shown')
local tell = require('fimbria.tell')
local view = require('fimbria.chat_view')

local M = {}

---@param text string whole lines
local function yank(text)
  vim.fn.setreg('"', text)
  pcall(vim.fn.setreg, '+', text)
  tell(('%d lines yanked'):format(#vim.split(text, '\n') - 1), vim.log.levels.INFO)
end

--- Put the code block at the cursor of the chat into the registers.
function M.yank_block()
  local block = view.block_at_cursor()
  if block then
    yank(block.code)
  else
    tell('there is no code block here')
  end
end

--- Put the answer at the cursor of the chat into the registers.
function M.yank_answer()
  local turn = shown.turn_at_cursor()
  local answer = turn and vim.trim(turn.answer) or ''
  if answer ~= '' then
    yank(answer .. '\n')
  else
    tell('there is no answer here')
  end
end

--- Make the code block at the cursor of the chat an edit of the file that is talked about.
---@param mode 'diff'|'insert'
function M.apply_block(mode)
  local server, source = chat.client()
  local block = view.block_at_cursor()
  if not block or not server or source == 0 then
    tell('there is no code block here, or no file to apply it to')
    return
  end
  local win = vim.fn.bufwinid(source)
  local params = {
    code = block.code,
    language = block.language,
    textDocument = { uri = vim.uri_from_bufnr(source) },
    mode = mode,
  }
  if mode == 'insert' and win == -1 then
    tell('the file is in no window; show it first')
    return
  elseif mode == 'insert' then
    params.position = vim.lsp.util.make_position_params(win, server.offset_encoding).position
  end
  server:request('fimbria/chat/applyBlock', params, function(err, result)
    if err or not result then
      tell(err and err.message or 'nothing was applied')
    elseif result.edit and result.edit ~= vim.NIL then
      vim.lsp.util.apply_workspace_edit(result.edit, server.offset_encoding)
    end
  end, source)
end

return M
