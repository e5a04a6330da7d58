"""lsprotocol's types at half their start-up cost.

Importing `lsprotocol.types` defines 554 attrs classes; writing and compiling their methods is most
of the time between starting the server and its first answer. Comparison and `repr` are never used
on them here, so they are not generated. Import this module before anything that imports lsprotocol;
afterwards, or with another attrs, the types are the usual ones and everything works the same.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import attrs


@contextmanager
def _lean_definitions() -> Iterator[None]:
    """Define attrs classes without comparison and `repr`, and without looking for garbage
    meanwhile.
    """
    define, collecting = attrs.define, gc.isenabled()
    attrs.define = functools.partial(
        define,
        auto_detect=False,  # off: eq, order and repr; lsprotocol writes no other method itself
        eq=False,
        order=False,
        repr=False,
        match_args=False,
        slots=False,  # slots mean making each class twice
    )
    gc.disable()
    try:
        yield
    finally:
        attrs.define = define
        gc.freeze()  # or the next collection would walk through all that was defined
        if collecting:
            gc.enable()


with _lean_definitions():
    from lsprotocol import types as types  # noqa: PLC0414
