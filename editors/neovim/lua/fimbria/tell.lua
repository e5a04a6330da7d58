--- Messages to the user.

---@param text string the server's own begin with the name already
---@param level? integer of `vim.log.levels`; nil: a warning
return function(text, level)
  vim.notify('Fimbria: ' .. text:gsub('^Fimbria: ', ''), level or vim.log.levels.WARN)
end
