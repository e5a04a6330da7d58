"""How many weights a checkpoint on disk holds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

_MAX_HEADER = 100_000_000
"""The format's own limit."""
_FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})


def num_parameters_on_disk(folder: Path) -> int | None:
    """Count by the headers of the safetensors files (eight bytes of length, then JSON; github.com/
    huggingface/safetensors, "Format"). None where files cannot be read, or hold packed weights:
    their shapes tell nothing.
    """
    files = sorted(folder.glob("*.safetensors"))
    try:
        tensors = [tensor for file in files for tensor in _tensors(file)]
        if not tensors or any(tensor["dtype"] not in _FLOATS for tensor in tensors):
            return None
        return sum(int(math.prod(tensor["shape"])) for tensor in tensors)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _tensors(file: Path) -> list[Any]:
    with file.open("rb") as content:
        size = int.from_bytes(content.read(8), "little")
        if size > _MAX_HEADER:
            raise ValueError("no safetensors file")
        header = json.loads(content.read(size))
    return [tensor for name, tensor in header.items() if name != "__metadata__"]
