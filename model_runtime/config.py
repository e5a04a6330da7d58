"""Reads a checkpoint folder's `config.json` in Hugging Face layout. Torch-free."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_runtime.api import Capability, ModelNotFound, UnsupportedModel
from model_runtime.habits import Habits, read_habits

_OWN_ARCHITECTURE = "LlamaForCausalLM"
_CAUSAL = ("ForCausalLM", "LMHeadModel")
_CHOOSE_ANOTHER = "Choose a checkpoint of a causal language model, such as Code Llama."
_USE_ANOTHER_VERSION = "Choose a version for transformers' classes; its name often ends in -hf."
_USE_GLM = (
    "Choose a version for transformers' classes, such as THUDM/glm-4-9b-chat-hf. CodeGeeX4 has to "
    "be converted to one first (convert_glm_weights_to_hf.py in transformers' repository), with "
    "the infilling tokens of its own tokenizer."
)
_QUANTIZED_BY = ("bitsandbytes", "torchao")
# What older architectures call the same.
_ALIASES = {
    "hidden_size": ("n_embd",),
    "intermediate_size": ("n_inner", "ffn_dim"),
    "num_hidden_layers": ("n_layer",),
    "num_attention_heads": ("n_head",),
    "max_position_embeddings": ("n_positions",),
}
_SIZES = ("vocab_size", *_ALIASES, "num_key_value_heads", "head_dim")


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """Stretching of rotary positions: `linear` (divide by `factor`) or `llama3` (by frequency band,
    Llama 3.1).
    """

    kind: str
    factor: float
    low_freq_factor: float = 1.0
    high_freq_factor: float = 1.0
    original_context_length: int = 0


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a checkpoint's weights have been rounded. method: the package's name, `bitsandbytes` or
    `torchao`. weights: `int8`, `nf4` … as in settings, where there is such a setting.
    """

    method: str
    weights: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Shape of a model.

    is_lean: our own forward pass computes it; transformers' classes compute all others.
    context_length: tokens that it was trained with. stretched_context_length: that its positions
    are stretched to by `linear` or `yarn`, where the config tells; it may be the same.
    dtype: what its weights are stored in; empty where the config does not tell.
    origin: the name or path that the checkpoint was saved from, if it tells.
    latent_dim: numbers that a layer keeps of a token in place of keys and values, where it does
    (multi-head latent attention: DeepSeek-V2, arXiv 2405.04434, section 2.1); else 0.
    family, capabilities: what the config's `fimbria` object says of them, where it does; the names
    in `families` and `Capability`.
    """

    is_lean: bool
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    context_length: int
    rms_norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling | None
    tied_embeddings: bool
    dtype: str
    eos_ids: frozenset[int]
    habits: Habits
    architecture: str = ""
    origin: str = ""
    family: str = ""
    capabilities: frozenset[Capability] | None = None
    stretched_context_length: int = 0
    quantization: Quantization | None = None
    latent_dim: int = 0


def read_config(folder: Path) -> ModelConfig:
    """Read and check `config.json`. Raises ModelNotFound, UnsupportedModel."""
    raw = _read_json(folder / "config.json")
    _check_supported(raw, folder)
    try:
        return _parse(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise UnsupportedModel(
            f"{folder / 'config.json'} {_fault(error)}.", "Download the checkpoint again."
        ) from error


def _parse(raw: dict[str, Any]) -> ModelConfig:
    raw = _with_usual_names(raw)
    _check_sizes(raw)
    is_lean = _is_lean(raw)
    num_heads = int(raw["num_attention_heads"])
    hidden_size = int(raw["hidden_size"])
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    return ModelConfig(
        is_lean=is_lean,
        vocab_size=int(raw["vocab_size"]),
        hidden_size=hidden_size,
        intermediate_size=int(raw.get("intermediate_size") or 4 * hidden_size),
        num_layers=int(raw["num_hidden_layers"]),
        num_heads=num_heads,
        num_kv_heads=int(raw.get("num_key_value_heads") or num_heads),
        head_dim=int(raw.get("head_dim") or hidden_size // num_heads),
        context_length=int(raw["max_position_embeddings"]),
        rms_norm_eps=float(raw["rms_norm_eps"]) if is_lean else 0.0,
        rope_theta=float(rope.get("rope_theta") or raw.get("rope_theta") or 10_000.0),
        rope_scaling=_rope_scaling(rope) if is_lean else None,
        tied_embeddings=bool(raw.get("tie_word_embeddings", False)),
        dtype=str(raw.get("dtype") or raw.get("torch_dtype") or ""),
        eos_ids=_ids(raw.get("eos_token_id")),
        habits=read_habits(raw.get("fimbria", {})),
        architecture=str((raw.get("architectures") or [""])[0]),
        origin=str(raw.get("_name_or_path") or ""),
        family=str(raw.get("fimbria", {}).get("family", "")),
        capabilities=_capabilities(raw.get("fimbria", {}).get("capabilities")),
        stretched_context_length=_stretched(int(raw["max_position_embeddings"]), rope),
        quantization=_quantization(raw.get("quantization_config")),
        latent_dim=_latent_dim(raw),
    )


def _fault(error: Exception) -> str:
    if isinstance(error, KeyError | TypeError):
        return f"lacks {error}" if isinstance(error, KeyError) else "has a value of the wrong kind"
    literal = re.search(r"(?:invalid literal|could not convert).*: (.+)", str(error))
    return f"has {literal[1]} for a number" if literal else f"makes no sense: {error}"


def _check_sizes(raw: dict[str, Any]) -> None:
    """Raise ValueError for sizes that no model has: native code would not survive them."""
    for name in _SIZES:
        if raw.get(name) is not None and int(raw[name]) <= 0:
            raise ValueError(f"{name}: it is {raw[name]}")
    num_heads, sharing = int(raw["num_attention_heads"]), raw.get("num_key_value_heads")
    if sharing is not None and num_heads % int(sharing):
        raise ValueError(f"num_key_value_heads: {num_heads} heads do not share {sharing}")


def _latent_dim(raw: dict[str, Any]) -> int:
    rank = raw.get("kv_lora_rank")
    return 0 if rank is None else int(rank) + int(raw["qk_rope_head_dim"])


def _stretched(context_length: int, rope: dict[str, Any]) -> int:
    """By transformers' documentation, `max_position_embeddings` stays what it was before stretching
    ("Utilities for rotary embedding"); some checkpoints hold what it becomes.
    """
    kind = rope.get("rope_type") or rope.get("type")
    if kind not in ("linear", "yarn"):
        return context_length
    original = int(rope.get("original_max_position_embeddings") or context_length)
    return max(context_length, int(original * float(rope["factor"])))


def _quantization(raw: dict[str, Any] | None) -> Quantization | None:
    if not raw:
        return None
    method = str(raw.get("quant_method", "bitsandbytes"))
    if method != "bitsandbytes":
        return Quantization(method, f"{method}'s")
    four_bits = raw.get("load_in_4bit") or raw.get("_load_in_4bit")
    return Quantization(method, str(raw.get("bnb_4bit_quant_type", "fp4")) if four_bits else "int8")


def _with_usual_names(raw: dict[str, Any]) -> dict[str, Any]:
    usual = {
        name: raw[alias] for name, aliases in _ALIASES.items() for alias in aliases if alias in raw
    }
    return usual | raw


def _is_lean(raw: dict[str, Any]) -> bool:
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    kind = rope.get("rope_type") or rope.get("type") or "default"
    return (
        _OWN_ARCHITECTURE in (raw.get("architectures") or [])
        and raw.get("hidden_act", "silu") == "silu"
        and not raw.get("attention_bias")
        and not raw.get("mlp_bias")
        and kind in ("default", "linear", "llama3")
        and not raw.get("quantization_config")
    )


def _capabilities(names: list[str] | None) -> frozenset[Capability] | None:
    return None if names is None else frozenset(map(Capability, names))


def _ids(value: int | list[int] | None) -> frozenset[int]:
    if value is None:
        return frozenset()
    return frozenset(value if isinstance(value, list) else [value])


def _rope_scaling(rope: dict[str, Any]) -> RopeScaling | None:
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return None
    if kind == "linear":
        return RopeScaling("linear", float(rope["factor"]))
    if kind == "llama3":
        return RopeScaling(
            "llama3",
            float(rope["factor"]),
            float(rope["low_freq_factor"]),
            float(rope["high_freq_factor"]),
            int(rope["original_max_position_embeddings"]),
        )
    raise ValueError(f"rope_type {kind!r}")


def _check_supported(raw: dict[str, Any], folder: Path) -> None:
    architectures = raw.get("architectures") or [raw.get("model_type", "an unknown architecture")]
    is_causal = any(str(name).endswith(_CAUSAL) for name in architectures)
    if raw.get("auto_map") and not is_causal:
        is_glm = any(str(name).startswith("ChatGLM") for name in architectures)
        raise UnsupportedModel(
            f"{folder} holds {', '.join(map(str, architectures))}, which runs with code of the "
            "checkpoint's own only.",
            _USE_GLM if is_glm else _USE_ANOTHER_VERSION,
        )
    if not is_causal:
        raise UnsupportedModel(
            f"{folder} holds {', '.join(map(str, architectures))}, which completes no text.",
            _CHOOSE_ANOTHER,
        )
    method = (raw.get("quantization_config") or {}).get("quant_method", "bitsandbytes")
    if method not in _QUANTIZED_BY:
        raise UnsupportedModel(
            f"{folder} is quantized with {method}, which Fimbria does not load.",
            "Use the checkpoint in float16 or bfloat16; --dtype int8 or nf4 makes it as small.",
        )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelNotFound(
            f"There is no config.json in {file.parent}.",
            "Point to a folder with a checkpoint in Hugging Face layout.",
        ) from error
    except (OSError, ValueError) as error:
        raise UnsupportedModel(
            f"{file} cannot be read: {error}.", "Download the checkpoint again."
        ) from error
    if not isinstance(content, dict):
        raise UnsupportedModel(
            f"{file} does not hold a JSON object.", "Download the checkpoint again."
        )
    return content
