"""The `fimbria` command: thin, and light until a command needs more."""
