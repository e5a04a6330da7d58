--- What a user can set, its defaults, and what is said about options that make no sense.

local M = {}

---@class fimbria.Keymaps
---@field accept string|false accepts the whole ghost text
---@field accept_word string|false accepts its next word
---@field accept_line string|false accepts its next line
---@field next string|false shows the next candidate; asks for candidates where there is no ghost text
---@field previous string|false shows the candidate before
---@field dismiss string|false takes the ghost text away

---@class fimbria.GhostConfig
---@field enabled boolean|fun(bufnr: integer): boolean
---@field filetypes? string[] where ghost text is drawn; nil: wherever the server is attached
---@field hide_with_menu boolean take ghost text away while a completion menu is open

---@class fimbria.Config
---@field cmd? string|string[] the program, or a list: program and first arguments; nil: look for it
---@field filetypes string[] in which buffers the server is started
---@field root_markers string[] files or folders that mark the top of a project
---@field server table<string, any> settings of the server, as in its config.toml
---@field ghost fimbria.GhostConfig
---@field keymaps fimbria.Keymaps|false false maps no key

---@class fimbria.Options: fimbria.Config, {} every field may be left out

-- Languages that code models know. What is not code (commit messages, logs, help) is left alone.
local FILETYPES = vim.split(
  [[
  astro bash c clojure cmake cpp cs css cuda dart dockerfile elixir elm erlang fish fortran go
  graphql groovy haskell hcl html java javascript javascriptreact json jsonc julia kotlin less lua
  make matlab nim nix objc ocaml perl php powershell proto python r ruby rust sass scala scss sh
  solidity sql svelte swift terraform tex toml typescript typescriptreact vim vue xml yaml zig zsh
  ]],
  '%s+',
  { trimempty = true }
)

---@type fimbria.Config
local DEFAULTS = {
  filetypes = FILETYPES,
  root_markers = { '.fimbria.toml', '.git', 'pyproject.toml' },
  server = {},
  ghost = { enabled = true, hide_with_menu = false },
  keymaps = {
    accept = '<Tab>',
    accept_word = '<C-Right>',
    accept_line = '<C-Down>',
    next = '<M-]>',
    previous = '<M-[>',
    dismiss = '<C-]>',
  },
}

--- The types that an option may have, by its full name.
---@type table<string, string[]>
local TYPES = {
  cmd = { 'string', 'table' },
  filetypes = { 'table' },
  root_markers = { 'table' },
  server = { 'table' },
  ghost = { 'table' },
  ['ghost.enabled'] = { 'boolean', 'function' },
  ['ghost.filetypes'] = { 'table' },
  ['ghost.hide_with_menu'] = { 'boolean' },
  keymaps = { 'table', 'boolean' },
}
for name in
  pairs(DEFAULTS.keymaps --[[@as fimbria.Keymaps]])
do
  TYPES['keymaps.' .. name] = { 'string', 'boolean' }
end

---@type fimbria.Config
local current = vim.deepcopy(DEFAULTS)

--- The options as they hold now.
---@return fimbria.Config
function M.get()
  return current
end

---@return fimbria.Config
function M.defaults()
  return vim.deepcopy(DEFAULTS)
end

--- Take `options` for what differs from the defaults. One that makes no sense is left out.
---@param options fimbria.Options
---@return string[] problems a sentence for each option that was left out
function M.set(options)
  local problems = {} ---@type string[]
  local taken = vim.deepcopy(options) --[[@as table<string, any>]]
  M._check(taken, '', problems)
  current = vim.tbl_deep_extend('force', vim.deepcopy(DEFAULTS), taken)
  -- Lists are taken as they are, not mixed with the default's.
  current.filetypes = taken.filetypes or current.filetypes
  current.root_markers = taken.root_markers or current.root_markers
  return problems
end

---@package
---@param values table<string, any> loses what is wrong
---@param prefix string
---@param problems string[]
function M._check(values, prefix, problems)
  for key, value in pairs(values) do
    local name = prefix .. tostring(key)
    local expected = TYPES[name]
    if not expected then
      problems[#problems + 1] = ('there is no option `%s`%s'):format(name, M._nearest(name))
      values[key] = nil
    elseif not vim.list_contains(expected, type(value)) then
      local wanted = table.concat(expected, ' or ')
      problems[#problems + 1] = ('`%s` has to be a %s'):format(name, wanted)
      values[key] = nil
    elseif name == 'ghost' or name == 'keymaps' and type(value) == 'table' then
      M._check(value, name .. '.', problems)
    end
  end
end

---@package
---@param name string
---@return string
function M._nearest(name)
  local near = vim.fn.matchfuzzy(vim.tbl_keys(TYPES), name:match('[^.]*$'))
  return near[1] and (' (perhaps `%s`?)'):format(near[1]) or ''
end

return M
