"""Docstrings whose parameters come from the syntax tree; a model writes nothing but the prose."""
