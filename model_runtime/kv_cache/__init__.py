"""Slots of keys and values, and the index that finds what can be used again."""
