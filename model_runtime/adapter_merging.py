"""LoRA adapters (Hu et al., arXiv 2106.09685) laid over a model by PEFT."""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

from model_runtime.api import RuntimeFailure, UnsupportedModel
from model_runtime.failures import memory_failure
from model_runtime.hub_cache import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from model_runtime.weight_files import check_file

_INSTALL = 'pip install "fimbria[lora]"'


def check_adapter(folder: Path) -> None:
    """Raise RuntimeFailure when PEFT is missing, UnsupportedModel for an adapter of another kind
    than LoRA or a damaged one. Takes no time, so that it can be done before the model is loaded.
    """
    if importlib.util.find_spec("peft") is None:
        raise RuntimeFailure("Adapters need the package peft.", f"Install it: {_INSTALL}")
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        kind, rank = str(config["peft_type"]), config.get("r")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnsupportedModel(
            f"{folder / ADAPTER_CONFIG} cannot be read: {error}.", "Download the adapter again."
        ) from error
    if kind != "LORA":
        raise UnsupportedModel(
            f"The adapter in {folder} is of the kind {kind}.", "Fimbria takes LoRA adapters."
        )
    if not isinstance(rank, int) or rank <= 0:
        raise UnsupportedModel(
            f"{folder / ADAPTER_CONFIG} does not tell the adapter's rank (r).",
            "Download the adapter again.",
        )
    check_file(folder / ADAPTER_WEIGHTS, "adapter")


def with_adapter(module: Any, folder: Path, *, merge: bool) -> Any:
    """Lay the adapter in `folder` over a loaded `PreTrainedModel`, which is changed by it.

    merge: add it to the weights, so that it costs nothing afterwards; rounded weights would lose
    most of it, so beside those it stays, and is computed in every step. Raises UnsupportedModel
    when it was made for another model.
    """
    from peft import PeftConfig, PeftModel

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is checked below
            config = PeftConfig.from_pretrained(folder)
            model = PeftModel(module, config)
            result = model.load_adapter(folder, "default", torch_device=str(module.device))
            foreign = [*result.missing_keys, *result.unexpected_keys]
            if foreign:
                raise _does_not_fit(folder, f"{foreign[0]} is in one of them only")
            return model.merge_and_unload() if merge else model.get_base_model()
    except RuntimeFailure:
        raise
    except Exception as error:
        failure = memory_failure(error)
        raise failure or _does_not_fit(folder, _reason(error)) from error


def _reason(error: Exception) -> str:
    """The last line is the one that names a tensor."""
    lines = str(error).strip().splitlines()
    return (lines[-1].strip() if lines else type(error).__name__).rstrip(".")


def _does_not_fit(folder: Path, reason: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"The adapter in {folder} does not fit the model: {reason}.",
        f"Its {ADAPTER_CONFIG} names the model that it was made for (base_model_name_or_path).",
    )
