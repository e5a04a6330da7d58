"""Models of a given shape with random weights, for measuring how time grows with size.

`random:25m` and `random:125m`: Code Llama's architecture with the starter's vocabulary and
tokenizer, saved as transformers saves a checkpoint, so that every engine loads them as it loads any
other. What they write means nothing: greedy decoding soon goes in circles.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from model_runtime.api import ModelNotFound
from model_runtime.models import STARTER, resolve_model

PREFIX = "random:"
_CODE_LLAMA: Mapping[str, Any] = MappingProxyType(
    {
        "vocab_size": 8192,
        "head_dim": 64,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
)
_SHAPES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "25m": {
            "hidden_size": 384,
            "intermediate_size": 1024,
            "num_hidden_layers": 12,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
        },
        # 125 million parameters with a vocabulary of 32016; with the starter's, 88 million.
        "125m": {
            "hidden_size": 768,
            "intermediate_size": 2048,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "num_key_value_heads": 4,
        },
    }
)


def model_folder(name: str, cache: Path | None = None) -> Path:
    """Resolve a model's name; a random one is made in `cache` if it is not there yet.

    cache: a folder of the system's for temporary files if None. Raises ModelNotFound.
    """
    if not name.startswith(PREFIX):
        return resolve_model(name)
    shape = _SHAPES.get(name.removeprefix(PREFIX))
    if shape is None:
        known = " or ".join(PREFIX + size for size in _SHAPES)
        raise ModelNotFound(f"There is no shape {name!r}.", f"Take {known}.")
    folder = (cache or _default_cache()) / name.replace(":", "-")
    if not (folder / "config.json").is_file():
        save_random_llama(folder, shape)
    return folder


def _default_cache() -> Path:
    return Path(tempfile.gettempdir()) / f"fimbria-benchmarks-{os.getuid()}"


def save_random_llama(folder: Path, shape: Mapping[str, float]) -> None:
    """Save a checkpoint with the starter's tokenizer. shape: of transformers' LlamaConfig, in
    addition to or instead of Code Llama's proportions. `folder` must not exist.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    torch.manual_seed(0)
    config = LlamaConfig(**{**_CODE_LLAMA, **shape})
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Moved when it is complete: an interrupted run must not leave half a model behind.
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        unfinished = Path(place) / folder.name
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(unfinished)
        shutil.copy(resolve_model(STARTER) / "tokenizer.model", unfinished)
        unfinished.rename(folder)
