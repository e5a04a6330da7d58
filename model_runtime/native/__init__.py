"""Steps in C: the library, how it is built, and weights as it takes them."""

NUM_CHECKED_LAYERS = 2
"""On so many layers of a model the library is tried before it computes all of it."""
