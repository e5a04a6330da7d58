"""One module per method of the Language Server Protocol."""
