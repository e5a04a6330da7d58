--- The completion menu, Neovim's own or that of a plugin: whether it is open, and what is selected in it.

local M = {}

---@class (private) fimbria.Menu
---@field visible fun(): boolean?
---@field selected fun(): string? text of the selected entry

--- A plugin's module, if the user has loaded it; loading it is not ours to do.
---@param name string
---@return table?
local function loaded(name)
  local module = package.loaded[name]
  return type(module) == 'table' and module or nil
end

--- The text that an item of a language server inserts; nil for a snippet.
---@param item? lsp.CompletionItem
---@return string?
local function text_of(item)
  if not item or item.insertTextFormat == vim.lsp.protocol.InsertTextFormat.Snippet then
    return nil
  end
  return item.textEdit and item.textEdit.newText or item.insertText or item.label
end

---@type fimbria.Menu
local native = {
  visible = function()
    return vim.fn.pumvisible() == 1
  end,
  selected = function()
    local info = vim.fn.complete_info({ 'selected', 'items' })
    local item = info.selected >= 0 and info.items[info.selected + 1]
    return item and item.word or nil
  end,
}

---@type fimbria.Menu
local blink = {
  visible = function()
    local module = loaded('blink.cmp')
    local is_visible = module and (module.is_menu_visible or module.is_visible)
    return is_visible and is_visible()
  end,
  selected = function()
    local module = loaded('blink.cmp')
    return module and text_of(module.get_selected_item())
  end,
}

---@type fimbria.Menu
local nvim_cmp = {
  visible = function()
    local module = loaded('cmp')
    return module and module.visible()
  end,
  selected = function()
    local module = loaded('cmp')
    local entry = module and module.get_active_entry()
    return entry and text_of(entry:get_completion_item())
  end,
}

--- What a menu says; nothing if it is not as we know it.
---@generic T
---@param ask fun(): T
---@return T?
local function asked(ask)
  local ok, answer = pcall(ask)
  return ok and answer or nil
end

---@return fimbria.Menu?
local function open_menu()
  for _, menu in ipairs({ native, blink, nvim_cmp }) do
    if asked(menu.visible) then
      return menu
    end
  end
end

--- Whether a completion menu is open.
---@return boolean
function M.is_open()
  return open_menu() ~= nil
end

--- The text of the entry that is selected in the open menu.
---@return string?
function M.selected()
  local menu = open_menu()
  return menu and asked(menu.selected)
end

--- The entry that is selected, for a request, if it is not yet in the buffer.
---@param line string the cursor's line
---@param row integer
---@param col integer in bytes
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return lsp.SelectedCompletionInfo?
function M.selected_info(line, row, col, encoding)
  local text = M.selected()
  if not text or text == '' then
    return nil
  end
  local before = line:sub(1, col)
  if vim.endswith(before, text) then
    return nil
  end
  for typed = math.min(#before, #text), 0, -1 do
    if before:sub(#before - typed + 1):lower() == text:sub(1, typed):lower() then
      local start = vim.str_utfindex(line, encoding, col - typed, false)
      local stop = vim.str_utfindex(line, encoding, col, false)
      return {
        range = {
          start = { line = row, character = start },
          ['end'] = { line = row, character = stop },
        },
        text = text,
      }
    end
  end
end

return M
