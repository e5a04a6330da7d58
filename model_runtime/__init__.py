"""Completes code on a resident model: tokens, prompts, the KV cache and the daemon around them."""
