"""Reads the weights of a checkpoint folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from model_runtime.api import LoadProgress, ModelNotFound, UnsupportedModel
from model_runtime.config import ModelConfig
from model_runtime.model import LlamaModel, assemble_weights


def load_model(
    folder: Path,
    config: ModelConfig,
    device: torch.device,
    dtype: torch.dtype,
    report: Callable[[LoadProgress], None],
) -> LlamaModel:
    """Read the weights of a checkpoint folder. Raises ModelNotFound, UnsupportedModel."""
    files = _weight_files(folder)
    tensors: dict[str, Tensor] = {}
    for number, file in enumerate(files):
        report(LoadProgress("loading the weights", 0.1 + 0.8 * number / len(files)))
        tensors |= _read_tensors(file, device, dtype)
    return assemble(folder, config, tensors)


def assemble(folder: Path, config: ModelConfig, tensors: dict[str, Tensor]) -> LlamaModel:
    """Make a model of the tensors of `folder`, which are taken out of the dictionary. Raises
    UnsupportedModel when one is missing.
    """
    try:
        return LlamaModel(config, assemble_weights(config, tensors))
    except KeyError as error:
        raise UnsupportedModel(
            f"The weights in {folder} lack {error}.", "Download the checkpoint again."
        ) from error


def check_files(folder: Path) -> None:
    """Look whether the files with the weights are there and whole, without reading any. Raises
    ModelNotFound, UnsupportedModel.
    """
    for file in _weight_files(folder):
        with _damage_explained(file), safe_open(file, framework="pt"):
            continue


def stored_bytes(folder: Path) -> int:
    """Size of the files with a checkpoint's weights. Raises ModelNotFound when one is missing."""
    return sum(file.stat().st_size for file in _weight_files(folder))


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        weight_map: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = [folder / name for name in sorted(set(weight_map.values()))]
    else:
        files = [folder / "model.safetensors"]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ModelNotFound(
            f"There is no {missing[0]} in {folder}.",
            "Fimbria reads safetensors; download the checkpoint again or convert it.",
        )
    return files


def _read_tensors(file: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    with _damage_explained(file), safe_open(file, framework="pt", device=str(device)) as source:
        return {name: source.get_tensor(name).to(dtype) for name in source.keys()}  # noqa: SIM118


@contextmanager
def _damage_explained(file: Path) -> Iterator[None]:
    try:
        yield
    except SafetensorError as error:
        raise UnsupportedModel(
            f"{file} is damaged: {error}.", "Download the checkpoint again."
        ) from error
