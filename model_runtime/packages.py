"""Packages that a model needs and that are not part of an ordinary installation. Torch-free:
looked for before a daemon is started in vain.
"""

from __future__ import annotations

import importlib.util
import json

from model_runtime.api import RuntimeFailure
from model_runtime.models import resolve_model
from model_runtime.places import DaemonSpec

_ROUNDING = {"int4": "torchao", "nf4": "bitsandbytes"}


def check_packages(spec: DaemonSpec) -> None:
    """Raise RuntimeFailure, with what to install, if the model of `spec` cannot be loaded without
    it; int8 has kernels of our own for some models, so that is known when it is loaded. Raises
    ModelNotFound.
    """
    package = _ROUNDING.get(spec.dtype)
    if package and not _is_installed(package) and not _is_rounded(spec):
        raise RuntimeFailure(
            f"{spec.dtype} weights need the package {package}.",
            'Install it: pip install "fimbria[quant]"',
        )
    if spec.adapter and not _is_installed("peft"):
        raise RuntimeFailure(
            "Adapters need the package peft.", 'Install it: pip install "fimbria[lora]"'
        )


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _is_rounded(spec: DaemonSpec) -> bool:
    """Whether the checkpoint says that its weights are rounded: perhaps by another package."""
    try:
        text = (resolve_model(spec.model) / "config.json").read_text(encoding="utf-8")
        return "quantization_config" in json.loads(text)
    except (OSError, ValueError, TypeError):
        return True  # what is wrong with it is said by who loads it
