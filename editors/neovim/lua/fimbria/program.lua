--- Where the `fimbria` command is.

local M = {}

--- The checkout that this plugin is a part of, if it is.
---@return string
local function checkout()
  local here = debug.getinfo(1, 'S').source:gsub('^@', '')
  return vim.fs.normalize(vim.fn.fnamemodify(vim.uv.fs_realpath(here) or here, ':h:h:h:h:h'))
end

---@param folder string of a virtual environment
---@return string
local function in_environment(folder)
  return vim.fs.joinpath(
    folder,
    vim.fn.has('win32') == 1 and 'Scripts/fimbria.exe' or 'bin/fimbria'
  )
end

---@class (private) fimbria.Place
---@field path string
---@field what string in words
---@field foreign? boolean came with the files that are edited: whether it runs is the user's say

--- The project of a buffer.
---@param bufnr integer
---@return string?
function M.root(bufnr)
  return vim.fs.root(bufnr, require('fimbria.config').get().root_markers)
end

--- Where it is looked for, first place first.
---@param root? string the project
---@return fimbria.Place[]
function M.places(root)
  local places = {
    { path = vim.fn.exepath('fimbria'), what = 'PATH' },
    { path = in_environment(vim.fs.normalize('~/.local')), what = '~/.local/bin' },
    { path = in_environment(checkout() .. '/.venv'), what = "the plugin's checkout" },
  }
  if root then
    places[#places + 1] =
      { path = in_environment(root .. '/.venv'), what = "the project's .venv", foreign = true }
  end
  return places
end

--- What the user has said in this session, by path.
---@type table<string, boolean>
local trusted = {}

---@param place fimbria.Place
---@param may_ask boolean
---@return boolean
local function may_run(place, may_ask)
  if place.foreign and trusted[place.path] == nil and may_ask then
    trusted[place.path] = vim.secure.read(place.path) ~= nil
  end
  return not place.foreign or trusted[place.path] == true
end

---@param path string
---@return boolean
local function is_program(path)
  return path ~= '' and vim.fn.executable(path) == 1
end

--- The program and its first arguments.
---
--- A project's own program runs only after the user has said yes to it (`:help vim.secure.read()`):
--- opening somebody else's files must not run them.
---@param root? string the project
---@param options? { may_ask?: boolean } `may_ask = false`: who has not said yes yet is not asked
---@return string[]? command
---@return string where it was found, or why there is none and what to do
function M.find(root, options)
  local may_ask = not options or options.may_ask ~= false
  local cmd = require('fimbria.config').get().cmd
  if cmd then
    local argv = type(cmd) == 'table' and vim.list_slice(cmd) or { cmd }
    argv[1] = vim.fs.normalize(argv[1])
    if is_program(argv[1]) then
      return argv, 'the option `cmd`'
    end
    return nil, ('no program `%s` (the option `cmd`)'):format(argv[1])
  end
  for _, place in ipairs(M.places(root)) do
    if is_program(place.path) and may_run(place, may_ask) then
      return { place.path }, place.what
    end
  end
  return nil, 'no `fimbria` command: pipx install it, see :Fimbria health'
end

return M
