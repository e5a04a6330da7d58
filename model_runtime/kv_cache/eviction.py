"""What a stretch of the KV cache is worth: the rule by which slots are given up. Torch-free."""

from __future__ import annotations

# Tokens of context at which attending to them costs about as much as everything else in the model:
# some 3,000 for models of 25M parameters, 25,000 for those of 7B. Only the order of magnitude
# matters.
_ATTENTION_MATCHES_REST = 8192


def worth(first: int, last: int, age: int) -> float:
    """How much is lost with positions `first` to `last` (exclusive) of a slot, in units of one
    token's computation.

    That is what computing them again costs, divided by how long nobody has asked for them. The cost
    grows faster than the length, since each token attends to all before it. Dividing by the age
    (hyperbolic caching, Blankstein, Sen and Freedman, USENIX ATC 2017) lets a long slot outlive
    short ones that are somewhat younger, but nothing outlives being forgotten.

    age: at least 1, in visits: changes from one slot to another since this one was used. A thousand
    keystrokes in one document are one visit, so that they do not make the other documents old.
    first: what lies before it is held elsewhere too. If that is everything, nothing is lost.
    """
    return max(0.0, recompute_cost(last) - recompute_cost(first)) / age


def recompute_cost(length: int) -> float:
    """Computation of the first `length` tokens of a sequence, in units of its first token's."""
    return length + length * length / (2 * _ATTENTION_MATCHES_REST)
