--- Messages to the user.

---@param text string
---@param level? integer of `vim.log.levels`; nil: a warning
return function(text, level)
  vim.notify('Fimbria: ' .. text, level or vim.log.levels.WARN)
end
