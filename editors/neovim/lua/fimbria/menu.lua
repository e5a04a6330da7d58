--- The completion menu, Neovim's own or that of a plugin: whether it is open, and what is selected
--- in it.

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

--- The text of the selected entry, if it does not stand before the cursor already.
---@return string?
function M.pending_entry()
  local text = M.selected()
  if not text or text == '' then
    return nil
  end
  local col = vim.api.nvim_win_get_cursor(0)[2]
  return not vim.endswith(vim.api.nvim_get_current_line():sub(1, col), text) and text or nil
end

--- What a request says about an entry: the part of the line that it takes the place of.
---@param entry string
---@param line string the cursor's line
---@param row integer
---@param col integer in bytes
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return lsp.SelectedCompletionInfo
function M.selected_info(entry, line, row, col, encoding)
  local before = line:sub(1, col)
  local typed = math.min(#before, #entry)
  while before:sub(#before - typed + 1):lower() ~= entry:sub(1, typed):lower() do
    typed = typed - 1
  end
  ---@param byte integer
  ---@return lsp.Position
  local function position(byte)
    return { line = row, character = vim.str_utfindex(line, encoding, byte, false) }
  end
  return { range = { start = position(col - typed), ['end'] = position(col) }, text = entry }
end

return M
