"""Converts a checkpoint as Meta distributes it (consolidated.NN.pth, params.json, tokenizer.model)
to Hugging Face format.

transformers did this in a script that it no longer ships since version 5. Format: Meta's
`llama/model.py`; the weights lie spread over as many files as there were devices, and the rotary
halves of queries and keys are interleaved.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from model_runtime.api import LoadProgress, ModelNotFound, RuntimeFailure, UnsupportedModel
from model_runtime.models import is_meta_checkpoint

_BLOCK = {
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.down_proj": "feed_forward.w2",
    "mlp.up_proj": "feed_forward.w3",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
}
# Row-parallel layers and the embedding are cut along their inputs, all other matrices along their
# outputs.
_CUT_ALONG_INPUTS = ("attention.wo", "feed_forward.w2", "tok_embeddings")
_LONG_THETA, _LONG_CONTEXT, _SHORT_CONTEXT = 100_000, 16384, 4096


@dataclass(frozen=True, slots=True)
class _Source:
    """Meta's checkpoint: its parameters, and its shards, mapped into memory."""

    params: dict[str, Any]
    shards: tuple[dict[str, Tensor], ...]

    @property
    def num_heads(self) -> int:
        return int(self.params["n_heads"])

    @property
    def num_kv_heads(self) -> int:
        return int(self.params.get("n_kv_heads") or self.num_heads)

    def tensor(self, name: str) -> Tensor:
        """One weight, put together from the shards. Raises KeyError."""
        parts = [shard[f"{name}.weight"] for shard in self.shards]
        if parts[0].dim() == 1 or len(parts) == 1:
            return parts[0]
        return torch.cat(parts, dim=1 if name.endswith(_CUT_ALONG_INPUTS) else 0)


def convert(source: Path, target: Path, report: Callable[[LoadProgress], None]) -> None:
    """Write the checkpoint in `source` to the new folder `target` in Hugging Face format.

    Needs the memory of one layer; `target` appears only when it is complete. Raises RuntimeFailure.
    """
    if not is_meta_checkpoint(source):
        raise ModelNotFound(
            f"{source} is no checkpoint in Meta's format.",
            "It holds params.json, tokenizer.model, consolidated.00.pth and so on.",
        )
    if target.exists():
        raise RuntimeFailure(f"{target} exists already.", "Give the name of a new folder.")
    if not (source / "tokenizer.model").is_file():
        raise ModelNotFound(
            f"There is no tokenizer.model in {source}.",
            "Copy it there; it is part of the download.",
        )
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        _write(_open(source), unfinished, report)
        shutil.copyfile(source / "tokenizer.model", unfinished / "tokenizer.model")
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _open(source: Path) -> _Source:
    files = sorted(source.glob("consolidated.*.pth"))
    try:
        params = json.loads((source / "params.json").read_text(encoding="utf-8"))
        shards = tuple(
            torch.load(file, map_location="cpu", mmap=True, weights_only=True) for file in files
        )
        found = _Source(params, shards)
        _ = (found.num_heads, int(params["n_layers"]), shards[0]["tok_embeddings.weight"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UnsupportedModel(
            f"{source} cannot be read: {str(error).splitlines()[0]}.",
            "Download the checkpoint again; its folder has a checklist of MD5 sums.",
        ) from error
    return found


def _write(source: _Source, folder: Path, report: Callable[[LoadProgress], None]) -> None:
    num_layers = int(source.params["n_layers"])
    num_files = num_layers + 1
    weight_map: dict[str, str] = {}
    total = 0
    for number, tensors in enumerate(_tensors(source, num_layers), start=1):
        file = f"model-{number:05}-of-{num_files:05}.safetensors"
        save_file(tensors, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(tensors, file)
        total += sum(tensor.nbytes for tensor in tensors.values())
        report(LoadProgress("converting", number / num_files))
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    _write_json(folder / "model.safetensors.index.json", index)
    _write_json(folder / "config.json", _config(source))


def _tensors(source: _Source, num_layers: int) -> Iterator[dict[str, Tensor]]:
    """What goes into each file."""
    for layer in range(num_layers):
        yield {
            f"model.layers.{layer}.{ours}.weight": _block_weight(source, layer, theirs)
            for ours, theirs in _BLOCK.items()
        }
    yield {
        "model.embed_tokens.weight": source.tensor("tok_embeddings").contiguous(),
        "model.norm.weight": source.tensor("norm").contiguous(),
        "lm_head.weight": source.tensor("output").contiguous(),
    }


def _block_weight(source: _Source, layer: int, name: str) -> Tensor:
    weight = source.tensor(f"layers.{layer}.{name}")
    if name == "attention.wq":
        weight = _halves_apart(weight, source.num_heads)
    elif name == "attention.wk":
        weight = _halves_apart(weight, source.num_kv_heads)
    return weight.contiguous()


def _halves_apart(weight: Tensor, num_heads: int) -> Tensor:
    """[out, in] with rotary pairs beside each other → the same with all first halves of a head
    before its second ones.
    """
    num_out, num_in = weight.shape
    pairs = weight.view(num_heads, num_out // num_heads // 2, 2, num_in)
    return pairs.transpose(1, 2).reshape(num_out, num_in)


def _config(source: _Source) -> dict[str, Any]:
    params = source.params
    embedding = source.tensor("tok_embeddings")
    theta = float(params.get("rope_theta", 10_000.0))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "bos_token_id": 1,
        "eos_token_id": 2,
        "dtype": str(embedding.dtype).removeprefix("torch."),
        "hidden_act": "silu",
        "hidden_size": embedding.shape[1],
        "intermediate_size": source.tensor("layers.0.feed_forward.w1").shape[0],
        "max_position_embeddings": _LONG_CONTEXT if theta >= _LONG_THETA else _SHORT_CONTEXT,
        "num_attention_heads": source.num_heads,
        "num_hidden_layers": int(params["n_layers"]),
        "num_key_value_heads": source.num_kv_heads,
        "rms_norm_eps": float(params.get("norm_eps", 1e-5)),
        "rope_parameters": {"rope_theta": theta, "rope_type": "default"},
        "tie_word_embeddings": False,
        "vocab_size": embedding.shape[0],
    }


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
