-- nvim -l check_lua.lua LUACHECK FILE…: what luacheck, unpacked below the folder LUACHECK, finds in the files.

local folder = arg[1]
package.path = ('%s/?.lua;%s/?/init.lua;%s'):format(folder, folder, package.path)
local luacheck = require('luacheck')

local options = { std = 'luajit', globals = { 'vim' }, max_line_length = 100 }
local num_found = 0
for i = 2, #arg do
  local source = table.concat(vim.fn.readfile(arg[i]), '\n') .. '\n'
  for _, found in ipairs(luacheck.check_strings({ source }, options)[1]) do
    num_found = num_found + 1
    print(('%s:%d: %s'):format(arg[i], found.line, luacheck.get_message(found)))
  end
end
os.exit(num_found == 0 and 0 or 1)
