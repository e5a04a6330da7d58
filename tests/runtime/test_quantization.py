"""`--dtype int8`, `int4` and `nf4` in the classes of transformers, on random checkpoints."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from model_runtime.api import RuntimeFailure, UnsupportedModel
from model_runtime.config import read_config
from model_runtime.devices import choose_dtype
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.quantization import choose_scheme
from model_runtime.step import Row
from model_runtime.transformers_loading import Placement, load_transformers_model
from tests.runtime.family_checkpoints import BY_NAME
from tests.runtime.running import run

CPU = torch.device("cpu")
FAMILIES = ("CodeLlama-7b-Instruct-hf", "Qwen2.5-Coder-0.5B-Instruct", "starcoder2-3b")
IDS = [(11 * number) % 250 + 5 for number in range(48)]
SIZES = {"hidden_size": 128, "intermediate_size": 256, "initializer_range": 0.02}
PREFIX = "import os\n\n\ndef area(width, height):\n    return wid"
SUFFIX = "\n\nprint(area(1, 2))\n"


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As wide as the packages' blocks of weights; near to the start of a training, logits follow
    the weights without leaps.
    """
    return write(str(request.param), tmp_path_factory.mktemp("quantized"))


def write(name: str, parent: Path) -> Path:
    checkpoint = BY_NAME[name]
    return replace(checkpoint, shape=checkpoint.shape | SIZES).write(parent / name)


def scheme_placement(folder: Path, dtype: str) -> Placement:
    config = read_config(folder)
    if config.is_lean and dtype == "int8":  # ours on the CPU; here the packages are tested
        from model_runtime.quantization import TORCHAO, Scheme

        return Placement(device=CPU, dtype=torch.float32, scheme=Scheme("int8", TORCHAO))
    scheme = choose_scheme(dtype, config, CPU)
    return Placement(device=CPU, dtype=choose_dtype(dtype, config, CPU), scheme=scheme)


def logits_of(model: Any) -> torch.Tensor:
    kv = KVTensors(model.kv_shape, 1, 64, dtype=model.dtype, device=CPU)
    return torch.as_tensor(model.forward([Row(0, 0, IDS, len(IDS))], kv)).float()


def stored_bytes(module: Any) -> int:
    """Of all weights, rounded ones with their scales."""
    return sum(map(_bytes_of, module.parameters()))


def _bytes_of(weight: Any) -> int:
    if hasattr(weight, "__tensor_flatten__"):
        return sum(getattr(weight, name).nbytes for name in weight.__tensor_flatten__()[0])
    state = getattr(weight, "quant_state", None)
    return int(weight.nbytes + (state.absmax.nbytes if state is not None else 0))


@pytest.mark.parametrize(("dtype", "tolerance"), [("int8", 0.02), ("nf4", 0.2)])
def test_logits_stay_close_and_weights_become_small(
    folder: Path, dtype: str, tolerance: float
) -> None:
    """Tolerance: of the norm of the logits, relative to that of the model in float32."""
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        expected = reference(torch.tensor([IDS])).logits[0]
    model = load_transformers_model(folder, scheme_placement(folder, dtype))
    difference = (logits_of(model) - expected).norm() / expected.norm()
    assert 0 < difference < tolerance
    layers = model.module.get_decoder().layers
    shrunk = stored_bytes(layers) / stored_bytes(reference.get_decoder().layers)
    assert shrunk < {"int8": 0.3, "nf4": 0.17}[dtype]


@pytest.mark.parametrize("dtype", ["int8", "nf4"])
def test_what_the_cache_holds_changes_nothing(folder: Path, dtype: str) -> None:
    options = LoadOptions(dtype=dtype)
    with closing(load_engine(folder, options)) as engine:
        run(engine, PREFIX, SUFFIX, max_tokens=4)
        reused = run(engine, PREFIX + "th", SUFFIX, max_tokens=8)
        kernels = engine.info.kernels
    with closing(load_engine(folder, options)) as engine:
        fresh = run(engine, PREFIX + "th", SUFFIX, max_tokens=8)
    assert reused.usage.cached_tokens > 10
    assert fresh.usage.cached_tokens == 0
    assert reused.text == fresh.text
    assert f"{dtype} weights" in kernels


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return write("Qwen2.5-Coder-0.5B-Instruct", tmp_path)


def failure(folder: Path, options: LoadOptions) -> RuntimeFailure:
    with pytest.raises(RuntimeFailure) as caught:
        load_engine(folder, options)
    return caught.value


@pytest.mark.parametrize(("dtype", "package"), [("int8", "torchao"), ("nf4", "bitsandbytes")])
def test_a_missing_package_comes_with_the_command_to_install_it(
    dtype: str, package: str, one: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == package else find(name, *a)
    )
    missing = failure(one, LoadOptions(dtype=dtype))
    assert package in missing.message
    assert missing.hint == 'Install it: pip install "fimbria[quant]"'


def test_what_the_device_lacks_is_said_with_what_it_has(one: Path) -> None:
    lacking = failure(one, LoadOptions(dtype="int4", device="cpu"))
    assert "need a GPU" in lacking.message
    assert "--dtype nf4" in lacking.hint


def test_experts_that_would_stay_large_are_refused_before_weights_are_read(tmp_path: Path) -> None:
    folder = write("Qwen3-Coder-30B-A3B-Instruct", tmp_path)
    (folder / "model.safetensors").write_bytes(b"not looked at")
    with pytest.raises(RuntimeFailure, match="less than half of the weights") as refused:
        load_transformers_model(folder, scheme_placement(folder, "nf4"))
    assert "--dtype auto" in refused.value.hint


@pytest.mark.parametrize("method", ["gptq", "awq", "fp8", "mxfp4", "compressed-tensors"])
def test_rounded_by_what_is_not_loaded(method: str, one: Path) -> None:
    change_config(one, quantization_config={"quant_method": method})
    refused = failure(one, LoadOptions())
    assert isinstance(refused, UnsupportedModel)
    assert method in refused.message
    assert "--dtype int8 or nf4" in refused.hint


def change_config(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize("dtype", ["int8", "nf4"])
@pytest.mark.parametrize("name", ["CodeLlama-7b-Instruct-hf", "Qwen2.5-Coder-0.5B-Instruct"])
def test_a_checkpoint_that_is_rounded_already(name: str, dtype: str, tmp_path: Path) -> None:
    """Saved by transformers with bitsandbytes, of the Llama architecture, too."""
    from transformers import BitsAndBytesConfig

    from model_runtime.quantization import quiet_packages

    plain = write(name, tmp_path / "plain")
    rounding = (
        BitsAndBytesConfig(load_in_8bit=True)
        if dtype == "int8"
        else BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    )
    folder = Path(shutil.copytree(plain, tmp_path / "rounded" / name))
    (folder / "model.safetensors").unlink()
    with quiet_packages():
        AutoModelForCausalLM.from_pretrained(
            plain, quantization_config=rounding, dtype=torch.float32
        ).save_pretrained(folder)
    with closing(load_engine(folder)) as engine:
        first = run(engine, PREFIX, SUFFIX, max_tokens=4)
        again = run(engine, PREFIX + "th", SUFFIX, max_tokens=4)
        assert engine.info.kernels == f"transformers, {dtype} weights of bitsandbytes"
    assert first.usage.completion_tokens >= 1
    assert again.usage.cached_tokens > 10
    twice = failure(folder, LoadOptions(dtype="int4"))
    assert f"are {dtype} already" in twice.message
