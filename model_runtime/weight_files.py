"""A checkpoint's files with weights: where they are, and whether they are whole. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open

from model_runtime.api import ModelNotFound, UnsupportedModel


def check_files(folder: Path) -> None:
    """Look whether the files with the weights are there and whole, without reading any. Raises
    ModelNotFound, UnsupportedModel.
    """
    for file in weight_files(folder):
        check_file(file)


def check_file(file: Path, what: str = "checkpoint") -> None:
    """The same of one safetensors file. what: to be downloaded again. Raises UnsupportedModel."""
    with damage_explained(file, what), safe_open(file, framework="np"):
        pass


def stored_bytes(folder: Path) -> int:
    """Size of the files with a checkpoint's weights. Raises ModelNotFound when one is missing."""
    return sum(file.stat().st_size for file in weight_files(folder))


def weight_files(folder: Path) -> list[Path]:
    """The files with a checkpoint's weights. Raises ModelNotFound when one is missing,
    UnsupportedModel for an index that cannot be read.
    """
    index = folder / "model.safetensors.index.json"
    names = _indexed(index) if index.is_file() else ["model.safetensors"]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelNotFound(
            f"There is no {missing[0]} in {folder}.",
            "Fimbria reads safetensors; download the checkpoint again or convert it.",
        )
    return [folder / name for name in names]


def _indexed(index: Path) -> list[str]:
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return sorted(set(weight_map.values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UnsupportedModel(
            f"{index} cannot be read: {error}.", "Download the checkpoint again."
        ) from error


@contextmanager
def damage_explained(file: Path, what: str = "checkpoint") -> Iterator[None]:
    """Turn safetensors' errors about `file` into UnsupportedModel."""
    try:
        yield
    except SafetensorError as error:
        raise UnsupportedModel(
            f"{file} is damaged: {error}.", f"Download the {what} again."
        ) from error
