--- The questions for ghost text, and what their answers change.

local candidates = require('fimbria.candidates')
local menu = require('fimbria.menu')
local suggestions = require('fimbria.suggestion')

local M = {}

local api = vim.api
M.METHOD = 'textDocument/inlineCompletion'
local AUTOMATIC, INVOKED = 2, 1

---@param buffer fimbria.Buffer
---@param asked fimbria.Asked
local function no_longer_asked(buffer, asked)
  buffer.asked[asked.number] = nil
  require('fimbria.status').changed()
end

--- Nothing of what was asked counts any more.
---@param buffer fimbria.Buffer
function M.cancel(buffer)
  local client = vim.lsp.get_client_by_id(buffer.client_id)
  for _, asked in pairs(buffer.asked) do
    if client and asked.request_id then
      client:cancel_request(asked.request_id)
    end
    suggestions.release(buffer.bufnr, asked.anchor)
    no_longer_asked(buffer, asked)
  end
end

--- Take the items of an answer.
---@param buffer fimbria.Buffer
---@param asked fimbria.Asked
---@param items lsp.InlineCompletionItem[]
local function take(buffer, asked, items)
  local is_newest = asked.number == buffer.number
  local found = {} ---@type fimbria.Suggestion[]
  for _, item in ipairs(items) do
    found[#found + 1] = suggestions.from_item(item, asked)
  end
  if asked.explicit then
    -- What is shown stays the first; the others come behind it.
    found = vim.list_extend(vim.list_slice(buffer.candidates), found)
  end
  local fitting = candidates.distinct(buffer, found)
  if #fitting == 0 and not (is_newest and #items == 0) then
    suggestions.release(buffer.bufnr, asked.anchor)
    return
  end
  local had = #buffer.candidates
  buffer.answered = asked.number
  candidates.replace_candidates(buffer, fitting)
  if not vim.iter(fitting):any(function(one)
    return one.anchor == asked.anchor
  end) then
    suggestions.release(buffer.bufnr, asked.anchor)
  end
  if asked.explicit and had > 0 and #fitting > had then
    buffer.index = had + 1
  end
  if candidates.redraw(buffer, asked.explicit) and not asked.explicit then
    -- Nothing is asked while something fits; so that no other answer takes it away.
    M.cancel(buffer)
  end
end

---@param buffer fimbria.Buffer
---@param asked fimbria.Asked
---@param err? lsp.ResponseError
---@param result? lsp.InlineCompletionItem[]|lsp.InlineCompletionList
local function answered(buffer, asked, err, result)
  local is_awaited = buffer.asked[asked.number] == asked
  if is_awaited then
    no_longer_asked(buffer, asked)
  end
  -- No result: superseded, the suggestion that is shown stays.
  local is_of_use = is_awaited and not err and result and asked.number > buffer.answered
  local items = is_of_use and (result.items or result) or {}
  if #items > 0 then
    -- Nothing suggested says nothing: so does a server without a model.
    require('fimbria.status').recovered()
  end
  if
    not is_of_use
    or not candidates.is_insert_mode()
    or api.nvim_get_current_buf() ~= buffer.bufnr
  then
    suggestions.release(buffer.bufnr, asked.anchor)
    return
  end
  take(buffer, asked, items)
end

--- Ask for ghost text at the cursor.
---@param buffer fimbria.Buffer
---@param explicit boolean the user wants candidates
---@return boolean asked
function M.request(buffer, explicit)
  local client = vim.lsp.get_client_by_id(buffer.client_id)
  if not client or candidates.is_hushed(buffer) or not vim.bo[buffer.bufnr].modifiable then
    return false
  end
  buffer.number = buffer.number + 1
  local asked = suggestions.asked(client, buffer.bufnr, buffer.number)
  asked.explicit, asked.entry = explicit, menu.pending_entry()
  local position = {
    line = asked.row,
    character = vim.str_utfindex(asked.line, asked.encoding, asked.col, false),
  }
  ---@type lsp.InlineCompletionParams
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(buffer.bufnr) },
    position = position,
    context = {
      triggerKind = explicit and INVOKED or AUTOMATIC,
      selectedCompletionInfo = asked.entry
        and menu.selected_info(asked.entry, asked.line, asked.row, asked.col, asked.encoding),
    },
  }
  buffer.asked[asked.number] = asked
  local is_sent, request_id = client:request(M.METHOD, params, function(err, result)
    answered(buffer, asked, err, result)
  end, buffer.bufnr)
  asked.request_id = request_id
  if not is_sent then
    no_longer_asked(buffer, asked)
  end
  require('fimbria.status').changed()
  return is_sent
end

--- Ask after Neovim has drawn the key: the key does not wait for the question. (What is scheduled
--- would still run before it is drawn.)
---@param buffer fimbria.Buffer
function M.request_soon(buffer)
  if buffer.scheduled then
    return
  end
  buffer.scheduled = true
  vim.defer_fn(function()
    buffer.scheduled = false
    if not buffer.detached and not candidates.current_rest(buffer) then
      M.request(buffer, false)
    end
  end, 0)
end

return M
