"""What goes wrong while a model is loaded: one clear error each, and what is served goes on being
served. The checkpoints go through our own forward pass and through a class of transformers.
"""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model_runtime.api import (
    CompletionRequest,
    ModelNotFound,
    OutOfMemory,
    RuntimeFailure,
    UnsupportedModel,
)
from model_runtime.client import DaemonRuntime, daemon_status, stop_daemon
from model_runtime.engine import Engine
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.places import DaemonSpec
from tests.runtime.family_checkpoints import BY_NAME
from tests.runtime.running import run

TEXT = "def area(width, height):\n    return wid"
Break = Callable[[Path], None]


def truncate(folder: Path) -> None:
    """As a download that was cut off."""
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def configure(**entries: int) -> Break:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        config = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps(config | entries), encoding="utf-8")

    return change


def fill_with_nan(folder: Path) -> None:
    """As a training that has diverged."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    save_file({name: torch.full_like(one, math.nan) for name, one in tensors.items()}, file)


BREAKS: dict[str, tuple[Break, type[RuntimeFailure], str]] = {
    "truncated weights": (truncate, UnsupportedModel, "damaged"),
    "no model at all": (empty, ModelNotFound, "config.json"),
    "weights of a smaller model": (configure(num_hidden_layers=3), UnsupportedModel, "lack"),
    "no attention heads": (
        configure(num_attention_heads=0),
        UnsupportedModel,
        "num_attention_heads: it is 0",
    ),
    "weights of another shape": (configure(intermediate_size=112), UnsupportedModel, "fit"),
    "no numbers": (fill_with_nan, UnsupportedModel, "computes no numbers"),
}


@pytest.fixture
def runtime_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short enough for the path of a socket."""
    with tempfile.TemporaryDirectory(prefix="fimbria-") as folder:
        monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", folder)
        yield


@pytest.fixture(params=["CodeLlama-7b-Instruct-hf", "starcoder2-3b"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name = str(request.param)
    return BY_NAME[name].write(tmp_path / name)


@pytest.mark.parametrize(("spoil", "kind", "words"), BREAKS.values(), ids=BREAKS.keys())
def test_a_broken_folder_is_one_error_and_another_engine_goes_on(
    spoil: Break, kind: type[RuntimeFailure], words: str, folder: Path, tiny: Engine
) -> None:
    before = run(tiny, TEXT, max_tokens=4)
    spoil(folder)
    with pytest.raises(kind, match=words) as failure:
        load_engine(folder)
    assert failure.value.hint
    assert "\n" not in str(failure.value)
    assert run(tiny, TEXT, max_tokens=4).text == before.text


def test_a_tokenizer_that_lacks_the_infilling_tokens(tmp_path: Path, tiny: Engine) -> None:
    folder = BY_NAME["starcoder2-3b"].write(tmp_path / "starcoder2-3b")
    file = folder / "tokenizer.json"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("<fim_middle>", "<mid>"), encoding="utf-8")
    with pytest.raises(UnsupportedModel, match="lacks <fim_middle>") as failure:
        load_engine(folder)
    assert 'family to "other"' in failure.value.hint
    assert run(tiny, TEXT, max_tokens=4).usage.completion_tokens >= 1
    with closing(load_engine(folder, LoadOptions(family="other"))) as engine:
        assert engine.info.layouts == ()


def test_weights_that_memory_has_no_room_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tiny: Engine
) -> None:
    """The words of torch's allocator, which raises no MemoryError on the CPU."""

    def fail(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    with monkeypatch.context() as patch:
        patch.setattr("model_runtime.model.torch.cat", fail)
        patch.setattr("transformers.AutoModelForCausalLM.from_pretrained", fail)
        with pytest.raises(OutOfMemory, match="not enough memory") as failure:
            load_engine(folder)
    assert "smaller model" in failure.value.hint
    assert run(tiny, TEXT, max_tokens=4).usage.completion_tokens >= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (LoadOptions(dtype="int4"), "need a GPU"),
        (LoadOptions(dtype="float8"), "Unknown dtype"),
        (LoadOptions(device="cuda:7"), "cannot be used"),
        (LoadOptions(context_length=10**6), "more than the model is good for"),
        (LoadOptions(family="starcoder3"), "no model family"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_options_that_cannot_be_had(options: LoadOptions, words: str, folder: Path) -> None:
    if torch.cuda.is_available():
        options = replace(options, device="cpu" if options.device == "auto" else options.device)
    with pytest.raises(RuntimeFailure, match=words) as failure:
        load_engine(folder, options)
    assert failure.value.hint


def test_a_dtype_that_the_device_does_not_compute(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'")

    monkeypatch.setattr("model_runtime.devices.torch.matmul", fail)
    with pytest.raises(RuntimeFailure, match="cpu does not compute with float16") as failure:
        load_engine(folder, LoadOptions(dtype="float16", device="cpu"))
    assert "--dtype auto" in failure.value.hint


def test_the_daemon_goes_on_serving(runtime_dir: None, tmp_path: Path) -> None:
    """Two daemons: the one of a broken model says why and ends, the other one answers on."""
    folder = BY_NAME["starcoder2-3b"].write(tmp_path / "starcoder2-3b")
    good = DaemonSpec(device="cpu", kv_memory="64MiB")
    broken = DaemonSpec(model=str(folder), device="cpu", kv_memory="64MiB")
    request = CompletionRequest(prompt=TEXT, max_tokens=4)
    truncate(folder)

    async def scenario() -> None:
        serving, failing = DaemonRuntime(good), DaemonRuntime(broken)
        try:
            first = await serving.complete(request)
            before = await daemon_status(good)
            with pytest.raises(UnsupportedModel, match="damaged"):
                await failing.complete(request)
            again = await serving.complete(request)
            after = await daemon_status(good)
        finally:
            await serving.close()
            await failing.close()
            await stop_daemon(good)
            await stop_daemon(broken)
        assert again.text == first.text
        assert before is not None
        assert after is not None
        assert before["pid"] == after["pid"]

    asyncio.run(scenario())


def test_after_a_failure_the_mended_folder_loads(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    truncate(folder)
    with pytest.raises(UnsupportedModel):
        load_engine(folder)
    (folder / "model.safetensors").write_bytes(whole)
    with closing(load_engine(folder)) as engine:
        assert run(engine, TEXT, max_tokens=4).usage.completion_tokens >= 1
