"""`--device balanced` and `offload`: which part of a model goes where, and what it says there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import loading
from model_runtime.api import OutOfMemory, RuntimeFailure, UnsupportedModel
from model_runtime.devices import gpu_rooms
from model_runtime.kv_cache.memory_share import MemoryShare
from model_runtime.kv_cache.planning import shared_cache_budget
from model_runtime.kv_cache.tensors import KVShape, KVTensors
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.sharing import (
    DISK,
    Part,
    Room,
    Sharing,
    choose_sharing,
    fill,
    spread,
)
from model_runtime.step import Row
from model_runtime.transformers_loading import Placement, load_transformers_model
from tests.runtime.family_checkpoints import BY_NAME
from tests.runtime.running import run

CPU = torch.device("cpu")
GIB = 2**30
NAMES = ("CodeLlama-7b-Instruct-hf", "codegemma-2b", "starcoderbase-1b", "stable-code-3b")
IDS = [(11 * number) % 250 + 5 for number in range(24)]

sizes = st.lists(st.integers(0, 100), min_size=1, max_size=30)
capacities = st.lists(st.integers(1, 400), min_size=1, max_size=5)


def parts_of(numbers: list[int]) -> list[Part]:
    return [Part(f"part {index}", size) for index, size in enumerate(numbers)]


def rooms_of(numbers: list[int]) -> list[Room]:
    return [Room(f"cuda:{index}", size) for index, size in enumerate(numbers)]


def taken(parts: list[Part], found: dict[str, str], device: str) -> int:
    return sum(part.num_bytes for part in parts if found[part.name] == device)


@given(sizes, capacities)
def test_every_part_has_a_place_and_neighbours_stay_together(
    part_sizes: list[int], room_sizes: list[int]
) -> None:
    parts, rooms = parts_of(part_sizes), rooms_of(room_sizes)
    for plan in (fill, spread):
        try:
            found = plan(parts, rooms)
        except OutOfMemory:
            continue
        assert list(found) == [part.name for part in parts]
        devices = list(dict.fromkeys(found.values()))
        order = [room.device for room in rooms if room.device in devices]
        assert devices == order
        assert sorted(found.values(), key=order.index) == list(found.values())
        assert all(taken(parts, found, room.device) <= room.num_bytes for room in rooms)


@given(sizes, capacities)
def test_what_fits_in_turn_fits_spread_and_no_device_is_fuller(
    part_sizes: list[int], room_sizes: list[int]
) -> None:
    parts, rooms = parts_of(part_sizes), rooms_of(room_sizes)
    try:
        in_turn = fill(parts, rooms)
    except OutOfMemory:
        with pytest.raises(OutOfMemory):
            spread(parts, rooms)
        return
    fullest = [
        max(taken(parts, found, room.device) / room.num_bytes for room in rooms)
        for found in (spread(parts, rooms), in_turn)
    ]
    assert fullest[0] <= fullest[1]


def test_too_little_room_is_told_in_numbers() -> None:
    with pytest.raises(OutOfMemory) as failure:
        spread(parts_of([GIB] * 9), rooms_of([4 * GIB, 4 * GIB]))
    assert "take 9.0 GiB; cuda:0, cuda:1 have room for 8.0 GiB" in failure.value.message
    assert "--device offload" in failure.value.hint


def test_equal_gpus_get_equal_shares() -> None:
    found = spread(parts_of([10] * 32), rooms_of([1000, 1000]))
    assert list(found.values()) == ["cuda:0"] * 16 + ["cuda:1"] * 16


def test_what_does_not_fit_goes_to_main_memory_and_then_to_disk() -> None:
    gpus = [Room("cuda:0", 40), Room("cuda:1", 40)]
    sharing = choose_sharing("offload", 100, gpus, Room("cpu", 30))
    assert sharing is not None
    found = sharing.plan(parts_of([10] * 10))
    assert list(found.values()) == ["cuda:0"] * 4 + ["cpu"] * 3 + [DISK] * 3


@pytest.mark.parametrize(
    ("device", "weights", "expected"),
    [
        ("auto", 10, None),
        ("auto", 60, ("cuda:0", "cuda:1")),
        ("auto", 90, None),
        ("cuda:1", 60, None),
        ("balanced", 10, ("cuda:0", "cuda:1")),
        ("offload", 10, ("cuda:0", "cpu", DISK)),
    ],
)
def test_auto_spreads_only_what_one_gpu_has_no_room_for(
    device: str, weights: int, expected: tuple[str, ...] | None
) -> None:
    gpus = [Room("cuda:0", 40), Room("cuda:1", 40)]
    sharing = choose_sharing(device, weights, gpus, Room("cpu", 30))
    assert (sharing and tuple(room.device for room in sharing.rooms)) == expected


@pytest.mark.parametrize("gpus", [[], [Room("cuda:0", 40)]], ids=["none", "one"])
def test_balancing_needs_several_gpus(gpus: list[Room]) -> None:
    with pytest.raises(RuntimeFailure, match="several GPUs") as failure:
        choose_sharing("balanced", 10, gpus, Room("cpu", 30))
    assert "--device offload" in failure.value.hint


@pytest.fixture(scope="module", params=NAMES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = str(request.param)
    return BY_NAME[name].write(tmp_path_factory.mktemp("offload") / name)


def logits_of(folder: Path, sharing: Sharing | None) -> tuple[torch.Tensor, set[str]]:
    """And where weights are when nothing is computed: `meta` for those on disk."""
    placement = Placement(device=CPU, dtype=torch.float32, sharing=sharing)
    model = load_transformers_model(folder, placement)
    kv = KVTensors(model.kv_shape, 1, 64, dtype=model.dtype, device=model.kv_devices)
    model.forward([Row(0, 0, IDS[:10], 0)], kv)
    logits = model.forward([Row(0, 10, IDS[10:], 4)], kv)
    return logits, {weight.device.type for weight in model.module.parameters()}


@pytest.mark.parametrize("room", [80_000, 120_000])
def test_a_model_that_lies_on_disk_in_part_computes_the_same(folder: Path, room: int) -> None:
    """Also one whose head is its embedding."""
    sharing = Sharing((Room("cpu", room), Room(DISK, 10 * GIB)), balanced=False)
    expected, whole = logits_of(folder, None)
    logits, shared = logits_of(folder, sharing)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    assert (whole, shared) == ({"cpu"}, {"cpu", "meta"})


def test_experts_cannot_be_left_on_disk(tmp_path: Path) -> None:
    name = "Qwen3-Coder-30B-A3B-Instruct"
    folder = BY_NAME[name].write(tmp_path / name)
    sharing = Sharing((Room("cpu", 70_000), Room(DISK, 10 * GIB)), balanced=False)
    with pytest.raises(UnsupportedModel, match="experts cannot be left on disk"):
        logits_of(folder, sharing)


def test_an_engine_runs_with_what_memory_has_no_room_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def area(width, height):\n    return wid"
    with closing(load_engine(folder)) as engine:
        expected = run(engine, text, max_tokens=6).text
    monkeypatch.setattr(loading, "host_room", lambda: Room("cpu", 30_000))
    with closing(load_engine(folder, LoadOptions(device="offload"))) as engine:
        assert run(engine, text, max_tokens=6).text == expected
        again = run(engine, text + "th", max_tokens=6)
        assert engine.info.kernels == "transformers"
    assert again.usage.cached_tokens > 5


def test_without_gpus_nothing_is_balanced(folder: Path) -> None:
    with pytest.raises(RuntimeFailure, match="none"):
        load_engine(folder, LoadOptions(device="balanced"))


@pytest.mark.parametrize(
    "options", [LoadOptions(device="offload", dtype="nf4")], ids=["rounded weights"]
)
def test_what_cannot_be_shared_is_refused(folder: Path, options: LoadOptions) -> None:
    with pytest.raises(RuntimeFailure, match="--device offload"):
        load_engine(folder, options)


@pytest.mark.parametrize(
    ("device", "weights", "seen"),
    [("auto", 50, 1), ("auto", 90, 3), ("balanced", 50, 3), ("offload", 50, 1)],
)
def test_gpus_that_do_not_matter_are_left_alone(
    device: str, weights: int, seen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that only asks a GPU what is free holds some of its memory from then on."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (100, 200))
    rooms = gpu_rooms(device, weights)
    assert rooms == tuple(Room(f"cuda:{index}", 80) for index in range(seen))


def test_the_cache_lies_where_its_layers_compute() -> None:
    where = [CPU, torch.device("meta"), CPU]
    kv = KVTensors(KVShape(3, 2, 4), 2, 8, dtype=torch.float32, device=where)
    assert [keys.device for keys in kv.keys] == where
    assert [values.device for values in kv.values] == where


def test_no_device_is_left_short_by_its_layers_share(monkeypatch: pytest.MonkeyPatch) -> None:
    free = {"cuda:0": 100, "cuda:1": 1000}
    monkeypatch.setattr(
        "model_runtime.kv_cache.planning.free_memory", lambda device: free[str(device)]
    )
    devices = [torch.device("cuda:0")] * 2 + [torch.device("cuda:1")] * 6
    budget = shared_cache_budget(devices, MemoryShare(fraction=0.5))
    assert budget == 25 * 8
