"""Steps of fixed shape, as CUDA graphs need them, against the plain forward pass."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_runtime.api import LoadProgress
from model_runtime.checkpoint import load_model
from model_runtime.config import read_config
from model_runtime.cuda_graphs import GraphedLlama, graphed
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.model import LlamaModel
from model_runtime.padded_step import (
    PaddedStep,
    StepInputs,
    attend_one_by_one,
    fits,
    pack,
    shape_for,
)
from model_runtime.step import Row

CPU = torch.device("cpu")
CAPACITY = 128


def ignore(_: LoadProgress) -> None:
    return


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> LlamaModel:
    return load_model(tiny_folder, read_config(tiny_folder), CPU, torch.float32, ignore)


def cache(model: LlamaModel) -> KVTensors:
    kv = KVTensors(model.kv_shape, 4, CAPACITY, dtype=torch.float32, device=CPU)
    for tensor in (*kv.keys, *kv.values):
        tensor.fill_(torch.nan)  # what nobody wrote must not be read
    return kv


def padded_logits(model: LlamaModel, rows: list[Row], kv: KVTensors) -> torch.Tensor:
    shape = shape_for(rows, kv.capacity)
    inputs = StepInputs.empty(shape, CPU)
    inputs.buffer.copy_(pack(rows, shape, kv.capacity))
    logits = PaddedStep(model, attend_one_by_one)(inputs, shape, kv)
    return logits[: sum(row.num_logits for row in rows)]


lengths = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 20)), min_size=1, max_size=3)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lengths=lengths, data=st.data())
@torch.inference_mode()
def test_padding_changes_nothing(
    model: LlamaModel, lengths: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Prefill, then rows of several lengths at once, each written and read in its own slot."""
    ours, theirs = cache(model), cache(model)
    token = st.integers(3, 8000)
    for slot, (start, _) in enumerate(lengths):
        ids = data.draw(st.lists(token, min_size=start, max_size=start))
        for kv, forward in ((ours, padded_logits), (theirs, plain_logits)):
            forward(model, [Row(slot, 0, ids, 0)], kv)
    rows = [
        Row(
            slot,
            start,
            data.draw(st.lists(token, min_size=size, max_size=size)),
            data.draw(st.integers(0, size)),
        )
        for slot, (start, size) in enumerate(lengths)
    ]
    expected = plain_logits(model, rows, theirs)
    torch.testing.assert_close(padded_logits(model, rows, ours), expected, rtol=1e-4, atol=1e-4)


def plain_logits(model: LlamaModel, rows: list[Row], kv: KVTensors) -> torch.Tensor:
    return model.forward(rows, kv)


def test_the_last_position_of_a_slot_is_for_padding() -> None:
    assert fits([Row(0, CAPACITY - 5, [1] * 4)], CAPACITY)
    assert not fits([Row(0, CAPACITY - 4, [1] * 4)], CAPACITY)


def test_a_typing_user_needs_few_shapes() -> None:
    """Each one is a graph to capture: typing and decoding must not ask for a new one every time."""
    shapes = {
        shape_for([Row(0, start, [1] * size, size)], 8192)
        for start in range(1000, 2000)
        for size in range(1, 9)
    }
    assert len(shapes) <= 8


def test_graphs_are_for_half_precision_on_a_gpu(model: LlamaModel) -> None:
    assert graphed(model) is model
    wrapped = GraphedLlama(model)
    kv = cache(model)
    rows = [Row(0, 0, [5, 6, 7])]
    # 128 positions are no whole page: this step must run plainly, which works on the CPU, too.
    torch.testing.assert_close(wrapped.forward(rows, kv), model.forward(rows, cache(model)))
    assert (wrapped.num_plain, wrapped.num_replayed) == (1, 0)
