"""Which version of Fimbria this is, and whether another one is older."""

from __future__ import annotations

import re

UNKNOWN = "unknown"


def own_version() -> str:
    """The installed version; `unknown` in a checkout that was never installed."""
    from importlib import metadata  # not a light one

    try:
        return metadata.version("fimbria")
    except metadata.PackageNotFoundError:
        return UNKNOWN


def is_older(version: str, than: str) -> bool:
    """By the numbers of a release, 0.9 before 0.10; what has none is neither older nor newer."""
    numbers, others = _numbers(version), _numbers(than)
    return bool(numbers) and bool(others) and numbers < others


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, release.group().split("."))) if release else ()
