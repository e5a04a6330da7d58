"""Steps in C against torch's on the same weights."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from model_runtime import native_model
from model_runtime.checkpoint import load_model
from model_runtime.config import ModelConfig, RopeScaling, read_config
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.model import Layer, LlamaModel, Weights
from model_runtime.native.build import library_path
from model_runtime.native.library import NativeLibrary
from model_runtime.native.quantization import round_weights
from model_runtime.native_model import NativeLlama, accelerate_on_cpu
from model_runtime.step import CausalModel, Row

CPU = torch.device("cpu")
CAPACITY = 160
SHAPES: dict[str, dict[str, Any]] = {
    "one head each": {"num_heads": 4, "num_kv_heads": 4, "head_dim": 16},
    "grouped heads": {"num_heads": 6, "num_kv_heads": 2, "head_dim": 64},
    "one head of keys": {"num_heads": 5, "num_kv_heads": 1, "head_dim": 80},
    "wide heads": {"num_heads": 2, "num_kv_heads": 1, "head_dim": 128, "tied_embeddings": True},
    "odd sizes": {
        "num_heads": 3, "num_kv_heads": 3, "head_dim": 10, "hidden_size": 45,
        "intermediate_size": 77, "vocab_size": 301,
    },
    "smaller than a vector": {
        "num_heads": 1, "num_kv_heads": 1, "head_dim": 2, "hidden_size": 3,
        "intermediate_size": 1, "vocab_size": 7,
    },
    "stretched positions": {
        "rope_scaling": RopeScaling("llama3", 8.0, 1.0, 4.0, 64), "rope_theta": 5e5,
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def library_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler")
    return library_path(tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def library(library_file: Path) -> NativeLibrary:
    return NativeLibrary(library_file)


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_model(starter_folder: Path, **shape: Any) -> LlamaModel:
    small = {
        "vocab_size": 320, "hidden_size": 48, "intermediate_size": 88, "num_layers": 2,
        "num_heads": 4, "num_kv_heads": 2, "head_dim": 16, "context_length": CAPACITY,
        "tied_embeddings": False,
    }  # fmt: skip
    config = replace(read_config(starter_folder), **(small | shape))
    return LlamaModel(config, random_weights(config))


def random_weights(config: ModelConfig) -> Weights:
    generator = torch.Generator().manual_seed(3)

    def matrix(num_out: int, num_in: int) -> Tensor:
        return torch.randn(num_out, num_in, generator=generator) * 1.5 * num_in**-0.5

    def norm() -> Tensor:
        return torch.rand(hidden, generator=generator) + 0.5

    hidden, inner = config.hidden_size, config.num_heads * config.head_dim
    qkv = inner + 2 * config.num_kv_heads * config.head_dim
    layers = tuple(
        Layer(
            attention_norm=norm(),
            qkv=matrix(qkv, hidden),
            attention_out=matrix(hidden, inner),
            mlp_norm=norm(),
            gate_up=matrix(2 * config.intermediate_size, hidden),
            down=matrix(hidden, config.intermediate_size),
        )
        for _ in range(config.num_layers)
    )
    embedding = matrix(config.vocab_size, hidden)
    head = embedding if config.tied_embeddings else matrix(config.vocab_size, hidden)
    return Weights(embedding, layers, norm(), head)


def cache_for(model: CausalModel, num_slots: int = 3, capacity: int = CAPACITY) -> KVTensors:
    return KVTensors(model.kv_shape, num_slots, capacity, dtype=torch.float32, device=CPU)


def ids(count: int, vocab_size: int, seed: int = 1) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, vocab_size, (count,), generator=generator).tolist()


def ragged_steps(vocab_size: int) -> list[list[Row]]:
    """Prefills, a draft check beside a prefill's tail, decoding of all slots in another order."""
    first, second, third = (ids(60, vocab_size, seed) for seed in (1, 2, 3))
    return [
        [Row(0, 0, first[:13]), Row(2, 0, second[:1]), Row(1, 0, third[:5], num_logits=0)],
        [Row(2, 1, second[1:4], num_logits=3), Row(0, 13, first[13:30], num_logits=2)],
        [Row(1, 5, third[5:6]), Row(0, 30, first[30:31]), Row(2, 4, second[4:5])],
        [Row(0, 20, second[:9], num_logits=9)],
        [Row(1, 6, third[6:8], num_logits=0)],
    ]


def assert_steps_equal(
    ours: CausalModel, theirs: CausalModel, steps: Sequence[list[Row]], tolerance: float = 1e-4
) -> None:
    our_kv, their_kv = cache_for(ours), cache_for(theirs)
    for rows in steps:
        torch.testing.assert_close(
            ours.forward(rows, our_kv),
            theirs.forward(rows, their_kv),
            rtol=tolerance,
            atol=tolerance,
        )


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_logits_equal_those_of_torch(
    shape: dict[str, Any], int8: bool, library: NativeLibrary, starter_folder: Path
) -> None:
    model = random_model(starter_folder, **shape)
    reference = LlamaModel(model.config, round_weights(model.weights)) if int8 else model
    steps = ragged_steps(model.config.vocab_size)
    assert_steps_equal(NativeLlama(model, library, int8=int8), reference, steps)


@pytest.mark.parametrize("num_threads", [2, 3])
def test_threads_share_a_step_without_changing_it(
    num_threads: int, library: NativeLibrary, starter_folder: Path
) -> None:
    if not library.has_threads:
        pytest.skip("the compiler has no OpenMP")
    model = random_model(starter_folder, hidden_size=96, intermediate_size=200)
    native = NativeLlama(model, library)
    steps = ragged_steps(model.config.vocab_size)
    alone, together = cache_for(model), cache_for(model)
    for rows in steps:
        torch.set_num_threads(1)
        expected = native.forward(rows, alone)
        torch.set_num_threads(num_threads)
        got = native.forward(rows, together)
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num_tokens", [1, 2, 3, 4, 5, 16, 33, 48, 49, 100])
def test_a_prefill_of_any_length_equals_torch(
    num_tokens: int, library: NativeLibrary, starter_folder: Path
) -> None:
    model = random_model(starter_folder)
    prompt = ids(num_tokens + 1, model.config.vocab_size)
    steps = [[Row(1, 0, prompt[:-1], num_logits=0)], [Row(1, num_tokens, prompt[-1:])]]
    assert_steps_equal(NativeLlama(model, library), model, steps)


def test_the_last_position_of_the_cache_is_used(
    library: NativeLibrary, starter_folder: Path
) -> None:
    model = random_model(starter_folder)
    prompt = ids(CAPACITY, model.config.vocab_size)
    steps = [
        [Row(2, 0, prompt[:-3], num_logits=0)],
        [Row(2, CAPACITY - 3, prompt[-3:-1], num_logits=2)],
        [Row(2, CAPACITY - 1, prompt[-1:])],
    ]
    assert_steps_equal(NativeLlama(model, library), model, steps)


@pytest.mark.parametrize(
    "row",
    [
        Row(0, CAPACITY, [1]),
        Row(0, CAPACITY - 1, [1, 2]),
        Row(0, -1, [1]),
        Row(3, 0, [1]),
        Row(-1, 0, [1]),
        Row(0, 0, [320]),
        Row(0, 0, [-1]),
        Row(0, 0, []),
        Row(0, 0, [1], num_logits=2),
        Row(0, 0, [1], num_logits=-1),
    ],
    ids=str,
)
def test_a_row_outside_of_the_tensors_is_refused_before_anything_is_written(
    row: Row, library: NativeLibrary, starter_folder: Path
) -> None:
    native = NativeLlama(random_model(starter_folder), library)
    kv = cache_for(native)
    for tensor in (*kv.keys, *kv.values):
        tensor.fill_(7.0)
    with pytest.raises(ValueError, match="outside"):
        native.forward([Row(1, 0, [5]), row], kv)
    assert all(bool((tensor == 7.0).all()) for tensor in (*kv.keys, *kv.values))


def test_only_the_rows_own_positions_are_written(
    library: NativeLibrary, starter_folder: Path
) -> None:
    native = NativeLlama(random_model(starter_folder), library)
    kv = cache_for(native)
    for tensor in (*kv.keys, *kv.values):
        tensor.fill_(7.0)
    native.forward([Row(1, 4, [5, 6, 7])], kv)
    for tensor in (*kv.keys, *kv.values):
        changed = (tensor != 7.0).any(dim=-1).any(dim=1).nonzero().tolist()
        assert changed == [[1, 4], [1, 5], [1, 6]]


def test_weights_that_are_not_numbers_are_not_hidden(
    library: NativeLibrary, starter_folder: Path
) -> None:
    model = random_model(starter_folder)
    model.weights.layers[1].down[3, 3] = float("nan")
    native = NativeLlama(model, library)
    assert bool(native.forward([Row(0, 0, [1, 2])], cache_for(native)).isnan().all())


@pytest.fixture(scope="module")
def starter_model(starter_folder: Path) -> LlamaModel:
    return load_model(starter_folder, read_config(starter_folder), CPU, torch.float32, _ignore)


def _ignore(_: object) -> None:
    return


def greedy(
    model: CausalModel, prompt: Sequence[int], count: int, prefill: int, capacity: int = 1024
) -> list[int]:
    """`count` tokens; the prompt is computed in steps of `prefill` tokens."""
    kv, start, generated = cache_for(model, 1, capacity), 0, [0] * 0
    while start < len(prompt):
        piece = prompt[start : start + prefill]
        logits = model.forward([Row(0, start, piece)], kv)
        start += len(piece)
    for position in range(start, start + count):
        generated.append(int(logits[-1].argmax()))
        logits = model.forward([Row(0, position, generated[-1:])], kv)
    return generated


def test_the_starter_writes_what_it_writes_with_torch(
    starter_model: LlamaModel, library: NativeLibrary
) -> None:
    native = NativeLlama(starter_model, library)
    prompt = ids(50, 8000)
    expected = greedy(starter_model, prompt, 200, prefill=50)
    for prefill in (50, 7, 1):
        assert greedy(native, prompt, 200, prefill) == expected


def test_int8_writes_what_torch_writes_with_rounded_weights(
    starter_model: LlamaModel, library: NativeLibrary
) -> None:
    native = NativeLlama(starter_model, library, int8=True)
    rounded = LlamaModel(starter_model.config, round_weights(starter_model.weights))
    prompt = ids(40, 8000)
    expected = greedy(rounded, prompt, 60, prefill=40)
    for prefill in (40, 3):
        assert greedy(native, prompt, 60, prefill) == expected


def test_an_accelerated_model_tells_of_itself_as_the_given_one(
    starter_folder: Path, library: NativeLibrary
) -> None:
    model = random_model(starter_folder)
    native = NativeLlama(model, library)
    for name in ("device", "dtype", "num_parameters", "kv_shape"):
        assert getattr(native, name) == getattr(model, name)


Load = Callable[[], Path]


def use_library(monkeypatch: pytest.MonkeyPatch, find: Load) -> None:
    monkeypatch.setattr(native_model, "library_path", find)
    monkeypatch.delenv("FIMBRIA_NATIVE", raising=False)


@pytest.mark.parametrize("int8", [False, True])
def test_a_model_is_accelerated_where_there_is_a_compiler(
    int8: bool, monkeypatch: pytest.MonkeyPatch, library_file: Path, starter_folder: Path
) -> None:
    use_library(monkeypatch, lambda: library_file)
    assert isinstance(accelerate_on_cpu(random_model(starter_folder), int8=int8), NativeLlama)


def test_zero_in_the_environment_leaves_it_to_torch(
    monkeypatch: pytest.MonkeyPatch, starter_folder: Path
) -> None:
    monkeypatch.setenv("FIMBRIA_NATIVE", "0")
    model = random_model(starter_folder)
    assert accelerate_on_cpu(model) is model


def test_a_library_that_computes_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
    library_file: Path,
    starter_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    use_library(monkeypatch, lambda: library_file)
    right = NativeLibrary.step
    monkeypatch.setattr(NativeLibrary, "step", lambda *args: right(*args) + 1e-2)
    model = random_model(starter_folder)
    with caplog.at_level(logging.WARNING):
        assert accelerate_on_cpu(model) is model
    assert len(caplog.records) == 1
    assert "logits are off by" in caplog.text


def test_a_broken_library_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    starter_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = tmp_path / "llama.so"
    broken.write_bytes(b"no library")
    use_library(monkeypatch, lambda: broken)
    model = random_model(starter_folder)
    assert accelerate_on_cpu(model) is model
    assert len(caplog.records) == 1


def test_other_number_formats_stay_with_torch(starter_folder: Path) -> None:
    model = random_model(starter_folder)
    narrow = LlamaModel(model.config, _in_bfloat16(model.weights))
    assert accelerate_on_cpu(narrow) is narrow


def _in_bfloat16(weights: Weights) -> Weights:
    return replace(weights, embedding=weights.embedding.to(torch.bfloat16))
