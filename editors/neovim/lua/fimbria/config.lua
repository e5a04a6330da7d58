--- What a user can set, its defaults, and what is said about options that make no sense.

local M = {}

---@class fimbria.Keymaps
---@field accept string|false accepts the whole ghost text
---@field accept_word string|false accepts its next word
---@field accept_line string|false accepts its next line
---@field next string|false shows the next candidate; asks for some where there is no ghost text
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

-- What a user gives: of all of it as much as differs from the defaults.

---@class fimbria.KeymapOptions
---@field accept? string|false
---@field accept_word? string|false
---@field accept_line? string|false
---@field next? string|false
---@field previous? string|false
---@field dismiss? string|false

---@class fimbria.GhostOptions
---@field enabled? boolean|fun(bufnr: integer): boolean
---@field filetypes? string[]
---@field hide_with_menu? boolean

---@class fimbria.Options
---@field cmd? string|string[]
---@field filetypes? string[]
---@field root_markers? string[]
---@field server? table<string, any>
---@field ghost? fimbria.GhostOptions
---@field keymaps? fimbria.KeymapOptions|false

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

---@class (private) fimbria.Check
---@field is_right fun(value: any): boolean
---@field wanted string in words

---@param wanted string
---@param ... type
---@return fimbria.Check
local function of_type(wanted, ...)
  local types = { ... }
  return {
    wanted = wanted,
    is_right = function(value)
      return vim.list_contains(types, type(value))
    end,
  }
end

---@type fimbria.Check
local strings = {
  wanted = 'a list of strings',
  is_right = function(value)
    return type(value) == 'table'
      and vim.islist(value)
      and vim.iter(value):all(function(one)
        return type(one) == 'string'
      end)
  end,
}

---@param check fimbria.Check
---@param other any
---@param wanted string
---@return fimbria.Check
local function also(check, other, wanted)
  return {
    wanted = ('%s or %s'):format(check.wanted, wanted),
    is_right = function(value)
      return value == other or check.is_right(value)
    end,
  }
end

--- What an option has to be, by its full name.
---@type table<string, fimbria.Check>
local CHECKS = {
  cmd = {
    wanted = 'a string or a list of strings',
    is_right = function(value)
      return type(value) == 'string' or strings.is_right(value) and #value > 0
    end,
  },
  filetypes = strings,
  root_markers = strings,
  server = of_type('a table', 'table'),
  ghost = of_type('a table', 'table'),
  ['ghost.enabled'] = of_type('a boolean or a function', 'boolean', 'function'),
  ['ghost.filetypes'] = strings,
  ['ghost.hide_with_menu'] = of_type('a boolean', 'boolean'),
  keymaps = also(of_type('a table', 'table'), false, 'false'),
}
for name in
  pairs(DEFAULTS.keymaps --[[@as fimbria.Keymaps]])
do
  CHECKS['keymaps.' .. name] = also(of_type('a string', 'string'), false, 'false')
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

--- The user's function, such that an error in it is told once and then taken for yes: it is called
--- at each key.
---@param enabled fun(bufnr: integer): boolean
---@return fun(bufnr: integer): boolean
local function forgiving(enabled)
  local is_told = false
  return function(bufnr)
    local ok, answer = pcall(enabled, bufnr)
    if not ok and not is_told then
      is_told = true
      vim.schedule(function()
        require('fimbria.tell')('`ghost.enabled` fails, ghost text stays on: ' .. tostring(answer))
      end)
    end
    return not ok or answer
  end
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
  local enabled = current.ghost.enabled
  if type(enabled) == 'function' then
    current.ghost.enabled = forgiving(enabled)
  end
  return problems
end

---@package
---@param values table<string, any> loses what is wrong
---@param prefix string
---@param problems string[]
function M._check(values, prefix, problems)
  for key, value in pairs(values) do
    local name = prefix .. tostring(key)
    local check = CHECKS[name]
    if not check then
      problems[#problems + 1] = ('there is no option `%s`%s'):format(name, M._nearest(name))
      values[key] = nil
    elseif not check.is_right(value) then
      problems[#problems + 1] = ('`%s` has to be %s'):format(name, check.wanted)
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
  local near = vim.fn.matchfuzzy(vim.tbl_keys(CHECKS), name:match('[^.]*$'))
  return near[1] and (' (perhaps `%s`?)'):format(near[1]) or ''
end

return M
