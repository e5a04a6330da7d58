"""Checkpoints as Meta distributes them: recognised, and converted to what they were made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from model_runtime.api import LoadProgress, ModelNotFound, RuntimeFailure, UnsupportedModel
from model_runtime.config import read_config
from model_runtime.hub_meta import convert
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.models import resolve_model

NAMES = {
    "self_attn.q_proj": ("attention.wq", 0),
    "self_attn.k_proj": ("attention.wk", 0),
    "self_attn.v_proj": ("attention.wv", 0),
    "self_attn.o_proj": ("attention.wo", 1),
    "mlp.gate_proj": ("feed_forward.w1", 0),
    "mlp.down_proj": ("feed_forward.w2", 1),
    "mlp.up_proj": ("feed_forward.w3", 0),
    "input_layernorm": ("attention_norm", None),
    "post_attention_layernorm": ("ffn_norm", None),
}
OUTSIDE = {
    "model.embed_tokens.weight": ("tok_embeddings", 1),
    "model.norm.weight": ("norm", None),
    "lm_head.weight": ("output", 0),
}


def interleaved(weight: Tensor, num_heads: int) -> Tensor:
    """Meta's order: the rotary pair i is rows 2i and 2i + 1 of a head."""
    heads = weight.view(num_heads, 2, -1, weight.shape[1])
    return heads.transpose(1, 2).reshape(weight.shape)


def save_as_meta(original: Path, folder: Path, num_shards: int) -> Path:
    config, tensors = read_config(original), load_file(original / "model.safetensors")
    shards: list[dict[str, Tensor]] = [{} for _ in range(num_shards)]

    def spread(name: str, weight: Tensor, dim: int | None) -> None:
        parts = [weight] * num_shards if dim is None else weight.chunk(num_shards, dim)
        for shard, part in zip(shards, parts, strict=True):
            shard[f"{name}.weight"] = part.clone()

    for ours, (theirs, dim) in OUTSIDE.items():
        spread(theirs, tensors[ours], dim)
    for layer in range(config.num_layers):
        for ours, (theirs, dim) in NAMES.items():
            weight = tensors[f"model.layers.{layer}.{ours}.weight"]
            if ours.endswith("q_proj"):
                weight = interleaved(weight, config.num_heads)
            if ours.endswith("k_proj"):
                weight = interleaved(weight, config.num_kv_heads)
            spread(f"layers.{layer}.{theirs}", weight, dim)
    folder.mkdir()
    for number, shard in enumerate(shards):
        torch.save(shard, folder / f"consolidated.{number:02}.pth")
    params = {
        "dim": config.hidden_size,
        "n_layers": config.num_layers,
        "n_heads": config.num_heads,
        "n_kv_heads": config.num_kv_heads,
        "norm_eps": config.rms_norm_eps,
        "rope_theta": config.rope_theta,
    }
    (folder / "params.json").write_text(json.dumps(params))
    (folder / "tokenizer.model").write_bytes((original / "tokenizer.model").read_bytes())
    return folder


def ignore(_: LoadProgress) -> None:
    return


@pytest.mark.parametrize("num_shards", [1, 2])
def test_converted_weights_are_the_original_ones(
    tiny_folder: Path, tmp_path: Path, num_shards: int
) -> None:
    source = save_as_meta(tiny_folder, tmp_path / "meta", num_shards)
    target = tmp_path / "converted"
    seen: list[float] = []
    convert(source, target, lambda progress: seen.append(progress.fraction))
    assert seen[-1] == 1.0
    expected, found = load_file(tiny_folder / "model.safetensors"), dict[str, Tensor]()
    for file in target.glob("*.safetensors"):
        found |= load_file(file)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_converted_checkpoint_runs(tiny_folder: Path, tmp_path: Path) -> None:
    source = save_as_meta(tiny_folder, tmp_path / "meta", 2)
    convert(source, tmp_path / "converted", ignore)
    original, converted = read_config(tiny_folder), read_config(tmp_path / "converted")
    assert (converted.rope_theta, converted.context_length) == (original.rope_theta, 16384)
    engine = load_engine(resolve_model(str(tmp_path / "converted")), LoadOptions(kv_memory="64MiB"))
    engine.close()


def test_metas_folder_as_a_model_names_the_command(tiny_folder: Path, tmp_path: Path) -> None:
    source = save_as_meta(tiny_folder, tmp_path / "meta", 1)
    with pytest.raises(ModelNotFound, match="Meta's original format") as caught:
        resolve_model(str(source))
    assert f"fimbria models convert {source}" in caught.value.hint


def test_other_folders_existing_targets_and_damaged_files(
    tiny_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotFound, match="no checkpoint in Meta's format"):
        convert(tiny_folder, tmp_path / "new", ignore)
    source = save_as_meta(tiny_folder, tmp_path / "meta", 1)
    with pytest.raises(RuntimeFailure, match="exists already"):
        convert(source, tmp_path, ignore)
    (source / "consolidated.00.pth").write_bytes(b"not torch's")
    with pytest.raises(UnsupportedModel, match="cannot be read"):
        convert(source, tmp_path / "new", ignore)
    assert not (tmp_path / "new").exists()
