"""The peers compute what transformers computes, and keep what they can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import common_prefix_len
from benchmarks.shapes import model_folder, save_random_llama
from model_runtime.api import ModelNotFound

SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,  # not hidden_size / heads
    "max_position_embeddings": 256,
}
PROMPT = [1, *range(300, 340)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes") / "tiny"
    save_random_llama(folder, {**SHAPE, "initializer_range": 1.0})
    return folder


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    from benchmarks.peers.generate import load_reference

    return load_reference(folder, num_threads=1)


def test_the_common_prefix_ends_with_the_shorter_one() -> None:
    assert common_prefix_len([1, 2, 3], [1, 2, 4]) == 2
    assert common_prefix_len([1, 2], [1, 2, 4]) == 2
    assert common_prefix_len([], [1]) == 0


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ModelNotFound, match="1t"):
        model_folder("random:1t")


def test_a_random_model_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def save(folder: Path, shape: object) -> None:
        made.append(folder)
        folder.mkdir(parents=True)
        (folder / "config.json").touch()

    monkeypatch.setattr("benchmarks.shapes.save_random_llama", save)
    assert [model_folder("random:25m", tmp_path).name for _ in range(2)] == ["random-25m"] * 2
    assert len(made) == 1


def test_a_cropped_cache_changes_no_token(reference: Any) -> None:
    from benchmarks.peers.generate import CachedEngine, ScratchEngine

    cached, scratch = CachedEngine(reference), ScratchEngine(reference)
    for prompt, num_kept in ((PROMPT, 0), ([*PROMPT, 5], len(PROMPT)), ([*PROMPT[:-4], 7], 37)):
        measured = cached.answer(prompt, 6)
        assert measured.cached_tokens == num_kept
        assert measured.completion_tokens == 6
        scratch.answer(prompt, 6)
        assert cached.last_ids == scratch.last_ids
        assert 0 < measured.ttft_ms <= measured.answer_ms


def test_llama_cpp_generates_what_transformers_does(
    folder: Path, reference: Any, tmp_path: Path
) -> None:
    pytest.importorskip("llama_cpp")
    import torch

    from benchmarks.peers.generate import ScratchEngine
    from benchmarks.peers.gguf_export import export_gguf
    from benchmarks.peers.llama_cpp import LlamaCppEngine

    export_gguf(folder, tmp_path / "tiny.gguf")
    engine = LlamaCppEngine(tmp_path / "tiny.gguf", num_threads=1, context_length=256)
    scratch = ScratchEngine(reference)
    for prompt, num_kept in ((PROMPT, 0), ([*PROMPT, 5], len(PROMPT)), ([*PROMPT[:-4], 7], 37)):
        assert engine.answer(prompt, 6).cached_tokens == num_kept
        scratch.answer(prompt, 6)
        assert engine.last_ids == scratch.last_ids
    engine.answer(PROMPT, 1)
    with torch.inference_mode():
        expected = reference(torch.tensor([PROMPT])).logits[0, -1].numpy()
    error = np.abs(engine.logits() - expected).max() / np.abs(expected).max()
    assert error < 0.01  # llama.cpp keeps keys and values in float16
    engine.close()


def test_tied_and_quantized_weights_are_written(tmp_path: Path) -> None:
    gguf: Any = pytest.importorskip("gguf")
    from benchmarks.peers.gguf_export import export_gguf

    save_random_llama(tmp_path / "tied", {**SHAPE, "tie_word_embeddings": True})
    export_gguf(tmp_path / "tied", tmp_path / "tied.gguf", "q8_0")
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "tied.gguf").tensors}
    assert "output.weight" not in tensors
    assert tensors["blk.1.attn_q.weight"].tensor_type == gguf.GGMLQuantizationType.Q8_0
    assert tensors["blk.1.attn_norm.weight"].tensor_type == gguf.GGMLQuantizationType.F32
    with pytest.raises(ValueError, match="f32 and q8_0"):
        export_gguf(tmp_path / "tied", tmp_path / "other.gguf", "q4_0")


def test_rotary_pairs_become_neighbours() -> None:
    from benchmarks.peers.gguf_export import interleave_rotary_pairs

    rows = np.arange(12, dtype=np.float32)[:, None]  # two heads of six dimensions
    interleaved = interleave_rotary_pairs(rows, num_heads=2)[:, 0].astype(int).tolist()
    assert interleaved == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]


def test_tensors_get_their_gguf_names() -> None:
    from benchmarks.peers.gguf_export import gguf_name

    assert gguf_name("model.layers.11.self_attn.o_proj.weight") == "blk.11.attn_output.weight"
    assert gguf_name("model.norm.weight") == "output_norm.weight"
    with pytest.raises(KeyError):
        gguf_name("model.layers.0.self_attn.q_proj.bias")
