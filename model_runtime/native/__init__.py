"""Llama steps on a CPU in C: the source, its build on the user's machine, its interface."""
