"""How many tokens a prompt and its answer may have: what the checkpoint is good for, what was asked
for, and what the memory has room for. Torch-free.
"""

from __future__ import annotations

from model_runtime.api import OutOfMemory, RuntimeFailure
from model_runtime.config import ModelConfig
from model_runtime.families import Family

LEAST_CONTEXT_LENGTH = 128
"""Less has no room for a prompt beside its answer."""
_STEP = 256
"""Advice is rounded down to a multiple of it."""


def longest_context(config: ModelConfig, family: Family) -> int:
    """Tokens that the checkpoint is good for: what it was trained with, or what its stretched
    positions or its family's generalization reach beyond that.
    """
    trained = max(config.context_length, config.stretched_context_length)
    reach = family.reach
    if reach is None or config.rope_scaling is not None or config.rope_theta < reach.rope_theta:
        return trained
    return max(trained, reach.context_length) if trained >= reach.trained else trained


def choose_context(wanted: int, config: ModelConfig, family: Family, usual: int) -> int:
    """The context length that a model is run with.

    wanted: 0 takes what the model was trained with, up to `usual`. Raises RuntimeFailure for more
    than `longest_context`, or too little.
    """
    if wanted == 0:
        return min(config.context_length, usual)
    longest = longest_context(config, family)
    least = min(LEAST_CONTEXT_LENGTH, longest)
    if wanted > longest:
        raise RuntimeFailure(
            f"A context of {wanted} tokens is more than the model is good for: {longest}.",
            f"Use --context-length {longest}, or less.",
        )
    if wanted < least:
        raise RuntimeFailure(
            f"A context of {wanted} tokens leaves no room for a prompt and an answer.",
            f"Use --context-length {least}, or more.",
        )
    return wanted


def slots_that_fit(context_length: int, bytes_per_token: int, budget: int, free: int) -> int:
    """How many slots of exactly `context_length` tokens `budget` bytes hold, of `free` ones on the
    device. Raises OutOfMemory, with the longest context that fits, where not even one does.
    """
    one = context_length * bytes_per_token
    if one <= budget:
        return budget // one
    longest = budget // bytes_per_token // _STEP * _STEP
    shorter = f"Use --context-length {longest} or less, or give it" if longest else "Give it"
    raise OutOfMemory(
        f"A context of {context_length} tokens takes {_size(one)} of KV cache, which may have "
        f"{_size(budget)} of the {_size(free)} that are free.",
        f"{shorter} more with --kv-memory.",
    )


def _size(num_bytes: int) -> str:
    if num_bytes >= 2**30:
        return f"{num_bytes / 2**30:.1f} GiB"
    return f"{num_bytes / 2**20:.1f} MiB"
