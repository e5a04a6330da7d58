--- A suggestion, and what is left of it after what was typed since it was asked for. Bytes and rows
--- from 0.

local M = {}

local api = vim.api
local anchors = api.nvim_create_namespace('fimbria.anchor')

--- What a request was about.
---@class fimbria.Asked
---@field bufnr integer
---@field client_id integer
---@field number integer counts up
---@field request_id? integer
---@field explicit? boolean the user asked for it
---@field entry? string selected in a completion menu, and to be completed as if it were typed
---@field encoding 'utf-8'|'utf-16'|'utf-32'
---@field row integer
---@field col integer
---@field line string the cursor's line at that time
---@field anchor integer an extmark that moves with the line

---@class fimbria.Suggestion
---@field text string
---@field before string what stands before the part that is replaced, on its line
---@field after string what followed the cursor at the time of the request
---@field covered integer how many bytes of `after` are replaced
---@field entry? string of a completion menu that it completes
---@field anchor integer
---@field client_id integer
---@field was_drawn? boolean
---@field item lsp.InlineCompletionItem

--- What is left of a suggestion at the cursor.
---@class fimbria.Rest
---@field suggestion fimbria.Suggestion
---@field text string not empty
---@field row integer of the cursor
---@field col integer
---@field after string what follows the cursor
---@field covered integer how many bytes of `after` are replaced

---@param bufnr integer
---@param row integer
---@return string
local function line_at(bufnr, row)
  return api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ''
end

--- Note where a request is about to be made.
---@param client vim.lsp.Client
---@param bufnr integer
---@param number integer
---@return fimbria.Asked
function M.asked(client, bufnr, number)
  local row, col = unpack(api.nvim_win_get_cursor(0))
  return {
    bufnr = bufnr,
    client_id = client.id,
    number = number,
    encoding = client.offset_encoding,
    row = row - 1,
    col = col,
    line = line_at(bufnr, row - 1),
    anchor = api.nvim_buf_set_extmark(bufnr, anchors, row - 1, 0, { right_gravity = false }),
  }
end

--- Let go of what keeps track of a request's place.
---@param bufnr integer
---@param anchor integer
function M.release(bufnr, anchor)
  if api.nvim_buf_is_valid(bufnr) then
    api.nvim_buf_del_extmark(bufnr, anchors, anchor)
  end
end

--- The text of an item with line breaks as buffers hold them.
---@param bufnr integer
---@param text string
---@return string
local function plain(bufnr, text)
  local format = vim.bo[bufnr].fileformat
  if format == 'unix' then
    return text
  end
  return (text:gsub('\r\n?', '\n'))
end

--- An item of an answer; nil for one that cannot be drawn at the place that was asked about.
---@param item lsp.InlineCompletionItem
---@param asked fimbria.Asked
---@return fimbria.Suggestion?
function M.from_item(item, asked)
  if type(item.insertText) ~= 'string' then
    return nil
  end
  local first, last = asked.col, asked.col
  local range = item.range
  if range then
    if range.start.line ~= asked.row or range['end'].line ~= asked.row then
      return nil
    end
    first = vim.str_byteindex(asked.line, asked.encoding, range.start.character, false)
    last = vim.str_byteindex(asked.line, asked.encoding, range['end'].character, false)
  end
  if first > asked.col or last < asked.col then
    return nil
  end
  return {
    text = plain(asked.bufnr, item.insertText),
    before = asked.line:sub(1, first),
    after = asked.line:sub(asked.col + 1),
    covered = last - asked.col,
    entry = asked.entry,
    anchor = asked.anchor,
    client_id = asked.client_id,
    item = item,
  }
end

--- Brackets and quotes that editors close by themselves, behind the cursor.
local CLOSERS = '^[%)%]}>"\'`]+$'

--- How many bytes behind the cursor a suggestion replaces now; nil if what stands there is not what
--- it was made for.
---
--- Typing may have gone over a part of what is replaced, and a bracket may have been closed behind
--- the cursor.
---@param suggestion fimbria.Suggestion
---@param after string
---@param rest string
---@return integer?
local function covered_now(suggestion, after, rest)
  local before = suggestion.after
  if after == before then
    return suggestion.covered
  elseif #after < #before then
    local gone = #before - #after
    return before:sub(gone + 1) == after
        and suggestion.covered >= gone
        and suggestion.covered - gone
      or nil
  end
  local added = after:sub(1, #after - #before)
  local is_closed = after:sub(#added + 1) == before and added:match(CLOSERS)
  return is_closed and rest:find(added, 1, true) and suggestion.covered + #added or nil
end

--- What is left of a suggestion at the cursor of the current window; nil if it does not fit any
--- more.
---@param suggestion fimbria.Suggestion
---@param bufnr integer the current buffer
---@param entry? string that is selected in a completion menu now
---@return fimbria.Rest?
function M.rest(suggestion, bufnr, entry)
  if entry and entry ~= suggestion.entry then
    return nil
  end
  local row, col = unpack(api.nvim_win_get_cursor(0))
  row = row - 1
  local start = api.nvim_buf_get_extmark_by_id(bufnr, anchors, suggestion.anchor, {})[1]
  if not start or row < start then
    return nil
  end
  local before = suggestion.before
  local first = line_at(bufnr, start)
  if not vim.startswith(first, before) or (row == start and col < #before) then
    return nil
  end
  local typed = api.nvim_buf_get_text(bufnr, start, #before, row, col, {})
  local done = table.concat(typed, '\n')
  if #done >= #suggestion.text or not vim.startswith(suggestion.text, done) then
    return nil
  end
  local text = suggestion.text:sub(#done + 1)
  local after = line_at(bufnr, row):sub(col + 1)
  local covered = covered_now(suggestion, after, text)
  if not covered or (covered > 0 and after:sub(1, covered) == text) then
    -- Nothing would change.
    return nil
  end
  return {
    suggestion = suggestion,
    text = text,
    row = row,
    col = col,
    after = after,
    covered = covered,
  }
end

return M
