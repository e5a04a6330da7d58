"""`--adapter`: LoRA adapters that PEFT has saved, laid over random checkpoints."""

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

from model_runtime.adapters import resolve_adapter
from model_runtime.api import ModelNotFound, RuntimeFailure, UnsupportedModel
from model_runtime.checkpoint import assemble
from model_runtime.config import read_config
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.quantization import choose_scheme, loading_options
from model_runtime.step import CausalModel, Row
from model_runtime.transformers_loading import (
    Placement,
    load_merged_weights,
    load_transformers_model,
)
from tests.runtime.family_checkpoints import BY_NAME
from tests.runtime.running import run

CPU = torch.device("cpu")
LLAMA, QWEN = "CodeLlama-7b-Instruct-hf", "Qwen2.5-Coder-0.5B-Instruct"
IDS = [(11 * number) % 250 + 5 for number in range(24)]
KINDS: dict[str, dict[str, Any]] = {
    "attention": {"target_modules": ["q_proj", "v_proj"]},
    "everything": {"target_modules": "all-linear", "use_rslora": True},
    "directions": {"target_modules": ["k_proj", "down_proj"], "use_dora": True},
    "whole head": {"target_modules": ["o_proj"], "modules_to_save": ["lm_head"]},
}
# PEFT uses what transformers will remove; where Fimbria calls it, that stays out of the log.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is dep:FutureWarning")
TEXT = "def area(width, height):\n    return wid"


def write(name: str, parent: Path, **shape: Any) -> Path:
    checkpoint = BY_NAME[name]
    sizes = {"initializer_range": 0.05, **shape}
    return replace(checkpoint, shape=checkpoint.shape | sizes).write(parent / name)


def save_adapter(base: Path, folder: Path, **options: Any) -> Path:
    """With random values in both factors, so that it changes what the model says."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    module = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(
        r=4, lora_alpha=64, init_lora_weights=False, task_type="CAUSAL_LM", **options
    )
    model = get_peft_model(module, config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "modules_to_save" in name:
                weight.mul_(1.5)
    model.save_pretrained(folder)
    return folder


def pefts_logits(base: Path, adapter: Path, **options: Any) -> torch.Tensor:
    from peft import PeftModel

    module = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, **options)
    model = PeftModel.from_pretrained(module, adapter).eval()
    with torch.inference_mode():
        return torch.as_tensor(model(torch.tensor([IDS])).logits[0])


def logits_of(model: CausalModel) -> torch.Tensor:
    kv = KVTensors(model.kv_shape, 1, 64, dtype=model.dtype, device=CPU)
    return model.forward([Row(0, 0, IDS, len(IDS))], kv)


def ignore(_: object) -> None:
    return


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("name", [LLAMA, QWEN], ids=["ours", "transformers"])
def test_merged_logits_are_those_of_peft(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    base = write(name, tmp_path)
    adapter = save_adapter(base, tmp_path / "adapter", **options)
    expected = pefts_logits(base, adapter)
    placement = Placement(device=CPU, dtype=torch.float32, adapter=adapter)
    config = read_config(base)
    model: CausalModel = (
        assemble(base, config, load_merged_weights(base, placement, ignore))
        if config.is_lean
        else load_transformers_model(base, placement)
    )
    torch.testing.assert_close(logits_of(model), expected, rtol=1e-3, atol=1e-3)
    without = load_transformers_model(base, Placement(device=CPU, dtype=torch.float32))
    assert not torch.allclose(logits_of(without), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", [LLAMA, QWEN], ids=["ours", "transformers"])
def test_an_engine_answers_as_with_the_merged_checkpoint(name: str, tmp_path: Path) -> None:
    from peft import PeftModel

    base = write(name, tmp_path)
    adapter = save_adapter(base, tmp_path / "adapter", target_modules="all-linear")
    merged = Path(shutil.copytree(base, tmp_path / "merged" / name))
    module = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    PeftModel.from_pretrained(module, adapter).merge_and_unload().save_pretrained(merged)

    def answer(folder: Path, adapter: str) -> str:
        with closing(load_engine(folder, LoadOptions(adapter=adapter))) as engine:
            return run(engine, TEXT, max_tokens=8).text

    assert answer(base, str(adapter)) == answer(merged, "") != answer(base, "")


def test_over_rounded_weights_it_stays_exact(tmp_path: Path) -> None:
    """Beside weights of four bits, which would lose most of it if it were added to them."""
    base = write(QWEN, tmp_path, hidden_size=128, intermediate_size=256, initializer_range=0.02)
    adapter = save_adapter(base, tmp_path / "adapter", target_modules=["q_proj", "down_proj"])
    scheme = choose_scheme("nf4", read_config(base), CPU)
    assert scheme is not None
    placement = Placement(device=CPU, dtype=torch.float32, scheme=scheme, adapter=adapter)
    expected = pefts_logits(base, adapter, **loading_options(scheme, torch.float32))
    ours = logits_of(load_transformers_model(base, placement))
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)
    plain = load_transformers_model(base, replace(placement, adapter=None))
    assert (logits_of(plain) - expected).norm() > 0.5 * expected.norm()


@pytest.mark.parametrize("dtype", ["int8", "nf4"])
@pytest.mark.parametrize("name", [LLAMA, QWEN])
def test_engines_with_rounded_weights_take_adapters(name: str, dtype: str, tmp_path: Path) -> None:
    base = write(name, tmp_path, hidden_size=64, intermediate_size=128)
    adapter = save_adapter(base, tmp_path / "adapter", target_modules="all-linear")
    options = LoadOptions(dtype=dtype, adapter=str(adapter))
    with closing(load_engine(base, options)) as engine:
        first = run(engine, TEXT, max_tokens=4)
        again = run(engine, TEXT + "th", max_tokens=4)
    assert first.usage.completion_tokens >= 1
    assert again.usage.cached_tokens > 5


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(QWEN, tmp_path)


def failure(folder: Path, adapter: Path | str) -> RuntimeFailure:
    with pytest.raises(RuntimeFailure) as caught:
        load_engine(folder, LoadOptions(adapter=str(adapter)))
    assert caught.value.hint
    return caught.value


def test_what_is_no_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    assert isinstance(failure(base, tmp_path / "absent"), ModelNotFound)
    assert "is no LoRA adapter: adapter_config.json" in failure(base, base).message
    assert "fimbria models pull owner/adapter" in failure(base, "owner/adapter").hint


def test_a_downloaded_adapter_is_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--owner--adapter" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / name).touch()
    assert resolve_adapter("owner/adapter") == folder.resolve()


@pytest.mark.parametrize(
    "shape", [{"hidden_size": 64}, {"num_hidden_layers": 3}, {"num_hidden_layers": 1}], ids=str
)
@pytest.mark.parametrize("name", [LLAMA, QWEN])
def test_an_adapter_of_another_model_is_refused(
    name: str, shape: dict[str, int], tmp_path: Path
) -> None:
    adapter = save_adapter(
        write(name, tmp_path / "its", **shape), tmp_path / "adapter", target_modules=["q_proj"]
    )
    refused = failure(write(name, tmp_path), adapter)
    assert isinstance(refused, UnsupportedModel)
    assert "does not fit the model" in refused.message
    assert "q_proj" in refused.message


def test_an_adapter_for_other_modules_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = save_adapter(base, tmp_path / "adapter", target_modules=["q_proj"])
    change(adapter, target_modules=["query_key_value"])
    assert "query_key_value" in failure(base, adapter).message


def change(adapter: Path, **changes: object) -> None:
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_other_kinds_and_damaged_files_are_refused(base: Path, tmp_path: Path) -> None:
    adapter = save_adapter(base, tmp_path / "adapter", target_modules=["q_proj"])
    change(adapter, peft_type="PROMPT_TUNING")
    assert "PROMPT_TUNING" in failure(base, adapter).message
    change(adapter, peft_type="LORA", r=None)
    assert "rank (r)" in failure(base, adapter).message
    change(adapter, r=8)
    (adapter / "adapter_model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not json at all!")
    assert "damaged" in failure(base, adapter).message
    (adapter / "adapter_config.json").write_text("{")
    assert "cannot be read" in failure(base, adapter).message


def test_without_peft_the_command_to_install_it_is_told(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = save_adapter(base, tmp_path / "adapter", target_modules=["q_proj"])
    find: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "peft" else find(name, *a)
    )
    assert failure(base, adapter).hint == 'Install it: pip install "fimbria[lora]"'
