"""`--kv-memory` from words to tensors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from model_runtime.api import OutOfMemory, RuntimeFailure
from model_runtime.kv_cache.memory_share import MemoryShare, parse_memory
from model_runtime.kv_cache.planning import allocate, plan_cache
from model_runtime.kv_cache.tensors import KVShape, KVTensors

CPU = torch.device("cpu")
SHAPE = KVShape(num_layers=2, num_kv_heads=2, head_dim=4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", MemoryShare()),
        ("Auto", MemoryShare()),
        ("50%", MemoryShare(fraction=0.5)),
        ("4GiB", MemoryShare(num_bytes=4 * 2**30)),
        ("4G", MemoryShare(num_bytes=4 * 2**30)),
        ("512MB", MemoryShare(num_bytes=512 * 10**6)),
        ("512 mb", MemoryShare(num_bytes=512 * 10**6)),
        ("1.5gib", MemoryShare(num_bytes=3 * 2**29)),
    ],
)
def test_amounts_are_read(text: str, expected: MemoryShare) -> None:
    assert parse_memory(text) == expected


@pytest.mark.parametrize("text", ["", "lots", "4", "-1GiB", "0GiB", "0%", "101%", "GiB", "1e9B"])
def test_nonsense_is_refused_with_what_to_write_instead(text: str) -> None:
    with pytest.raises(RuntimeFailure, match="50%") as failure:
        parse_memory(text)
    assert repr(text) in failure.value.message


def test_a_share_never_exceeds_what_is_free() -> None:
    free = 10 * 2**30
    assert parse_memory("auto").of(free, default=0.25) == free // 4
    assert parse_memory("50%").of(free, default=0.25) == free // 2
    assert parse_memory("4GiB").of(free, default=0.25) == 4 * 2**30
    assert parse_memory("40GiB").of(free, default=0.25) == free


def test_slots_become_shorter_before_they_become_few() -> None:
    assert plan_cache(8 * 100 * 8192, 100, 8192) == (8192, 8)
    assert plan_cache(3 * 100 * 8192, 100, 8192) == (4096, 6)
    assert plan_cache(80 * 100 * 8192, 100, 8192, max_slots=20) == (8192, 20)


class ScarceMemory:
    """Stands in for `torch.empty`: fails while there are more slots than fit."""

    def __init__(self, num_fitting: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.num_fitting = num_fitting
        self.asked_for: list[int] = []
        self._empty = torch.empty
        monkeypatch.setattr(torch, "empty", self)

    def __call__(self, size: tuple[int, ...], **options: Any) -> torch.Tensor:
        if not self.asked_for or self.asked_for[-1] != size[0]:
            self.asked_for.append(size[0])
        if size[0] > self.num_fitting:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self._empty(size, **options)


def test_too_little_memory_makes_fewer_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ScarceMemory(2, monkeypatch)
    kv = allocate(SHAPE, 8, 16, dtype=torch.float32, device=CPU)
    assert memory.asked_for == [8, 4, 2]
    assert (kv.num_slots, kv.capacity, len(kv.keys)) == (2, 16, 2)


def test_no_memory_at_all_is_said_with_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ScarceMemory(0, monkeypatch)
    with pytest.raises(OutOfMemory, match="65536 tokens take 8 MiB"):
        allocate(SHAPE, 3, 2**16, dtype=torch.float32, device=CPU)
    assert memory.asked_for == [3, 1]


def test_another_error_is_not_taken_for_scarcity(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(torch, "empty", fail)
    with pytest.raises(RuntimeError, match="something else"):
        allocate(SHAPE, 2, 16, dtype=torch.float32, device=CPU)


def filled(num_slots: int) -> KVTensors:
    """Each slot's keys and values hold its number, in each layer plus ten times the layer's."""
    kv = KVTensors(SHAPE, num_slots, 8, dtype=torch.float32, device=CPU)
    for tensors in (kv.keys, kv.values):
        for layer, tensor in enumerate(tensors):
            for slot in range(num_slots):
                tensor[slot] = slot + 10 * layer
    return kv


def test_dropped_slots_free_their_memory() -> None:
    kv = filled(4)
    kv.keep([3, 1])
    assert kv.num_slots == 2
    for tensors in (kv.keys, kv.values):
        for layer, tensor in enumerate(tensors):
            assert tensor[:, 0, 0, 0].tolist() == [3 + 10 * layer, 1 + 10 * layer]
            assert tensor.untyped_storage().nbytes() == 2 * 2 * 8 * 4 * 4


def test_slots_are_kept_by_way_of_the_host_where_the_device_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kv = filled(4)

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patch:
        patch.setattr("model_runtime.kv_cache.tensors._pick", fail)
        kv.keep([2])
    assert [tensor.flatten()[0].item() for tensor in kv.values] == [2, 12]
    assert kv.values[0].shape == (1, 2, 8, 4)


def test_a_prefix_is_copied_in_all_layers() -> None:
    kv = filled(2)
    kv.copy_prefix(1, 0, 3)
    for layer in range(2):
        keys, _ = kv.layer(layer, 0)
        assert keys[0, :, 0].tolist() == [1 + 10 * layer] * 3 + [10 * layer] * 5
