"""What is wrong with a checkpoint folder is said in a line, with what to do."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest
import torch

from model_runtime.api import LoadProgress, ModelNotFound, RuntimeFailure, UnsupportedModel
from model_runtime.config import read_config
from model_runtime.devices import choose_num_threads
from model_runtime.kv_cache.planning import plan_cache
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from tests.runtime.conftest import TINY_SHAPE
from tests.runtime.family_checkpoints import BY_NAME
from tests.runtime.running import run


@pytest.fixture
def broken(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def failure(folder: Path, **options: str) -> RuntimeFailure:
    with pytest.raises(RuntimeFailure) as caught:
        load_engine(folder, LoadOptions(**options))  # type: ignore[arg-type]
    assert caught.value.hint
    return caught.value


def change_config(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_no_config(tmp_path: Path) -> None:
    assert isinstance(failure(tmp_path), ModelNotFound)


def test_no_weights(broken: Path) -> None:
    (broken / "model.safetensors").unlink()
    assert isinstance(failure(broken), ModelNotFound)


def test_damaged_weights(broken: Path) -> None:
    (broken / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not json at all!")
    assert "damaged" in failure(broken).message


def test_weights_of_another_model(broken: Path) -> None:
    change_config(broken, num_hidden_layers=4)
    assert "model.layers.3" in failure(broken).message


def test_no_tokenizer(broken: Path) -> None:
    (broken / "tokenizer.model").unlink()
    assert "tokenizer.model" in failure(broken).message


def test_damaged_tokenizer(broken: Path) -> None:
    (broken / "tokenizer.model").write_bytes(b"nonsense")
    assert "sentencepiece" in failure(broken).message


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["BertForMaskedLM"]},
        {"architectures": ["NoSuchForCausalLM"], "model_type": "no_such_thing"},
        {"attention_bias": True},
        {"quantization_config": {"quant_method": "awq"}},
        {"rope_parameters": {"rope_type": "dynamic", "factor": 2, "rope_theta": 1e4}},
        {"num_attention_heads": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_cannot_run_is_not_guessed(broken: Path, changes: dict[str, object]) -> None:
    change_config(broken, **changes)
    assert isinstance(failure(broken), UnsupportedModel)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("many", "has 'many' for a number."),
        ([4], "has a value of the wrong kind."),
        (0, "makes no sense: num_attention_heads: it is 0."),
    ],
)
def test_a_garbled_configuration_is_told_in_words(broken: Path, value: object, words: str) -> None:
    change_config(broken, num_attention_heads=value)
    assert failure(broken).message == f"{broken / 'config.json'} {words}"


def test_languages_are_a_list(broken: Path) -> None:
    change_config(broken, fimbria={"languages": "python"})
    assert failure(broken).message.endswith("has a value of the wrong kind.")


def test_the_starter_says_what_it_was_trained_on(starter_folder: Path) -> None:
    with closing(load_engine(starter_folder, LoadOptions(device="cpu"))) as engine:
        assert engine.info.languages == ("python",)
        assert engine.info.min_token_logprob is not None
        assert engine.info.min_token_logprob_elsewhere is not None
        assert engine.info.min_token_logprob_elsewhere > engine.info.min_token_logprob


def test_another_architecture_runs_on_the_classes_of_transformers(
    tmp_path: Path, tiny_folder: Path
) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    shape = {key: value for key, value in TINY_SHAPE.items() if key != "rope_parameters"}
    MistralForCausalLM(MistralConfig(**shape, sliding_window=None)).save_pretrained(tmp_path)
    shutil.copy(tiny_folder / "tokenizer.model", tmp_path)
    engine = load_engine(tmp_path)
    try:
        assert engine.info.kernels == "transformers"
        first = run(engine, "def area(width):\n    retu", "\n", max_tokens=8)
        again = run(engine, "def area(width):\n    return ", "\n", max_tokens=8)
        assert first.usage.completion_tokens == 8
        assert again.usage.computed_tokens <= 4
    finally:
        engine.close()


def test_unknown_device_and_dtype(tiny_folder: Path) -> None:
    assert "'gpu9'" in failure(tiny_folder, device="gpu9").message
    assert "'meta'" in failure(tiny_folder, device="meta").message
    assert "'int3'" in failure(tiny_folder, dtype="int3").message


def test_a_small_model_leaves_cores_to_others(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the choice was made but never applied: a busy machine decoded ten times slower."""
    before = torch.get_num_threads()
    chosen: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    load_engine(tiny_folder).close()
    assert set(chosen) == {choose_num_threads(read_config(tiny_folder))}
    assert 1 <= chosen[0] <= max(1, before // 2, 4)


@pytest.mark.parametrize(
    ("gib", "expected"),
    [(64, (8192, 16)), (10, (4096, 5)), (3, (4096, 1)), (1, (2048, 1)), (0.1, (1024, 1))],
)
def test_slots_become_shorter_before_they_become_few(gib: float, expected: tuple[int, int]) -> None:
    """Code Llama 7B takes half a MiB for each token."""
    assert plan_cache(int(gib * 2**30), 2**19, 8192) == expected


def test_progress_ends_at_one(tiny_folder: Path) -> None:
    seen: list[LoadProgress] = []
    load_engine(tiny_folder, progress=seen.append).close()
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_progress_of_the_classes_of_transformers_goes_by_the_tensor(tmp_path: Path) -> None:
    folder = BY_NAME["starcoder2-3b"].write(tmp_path / "starcoder2-3b")
    seen: list[LoadProgress] = []
    load_engine(folder, progress=seen.append).close()
    fractions = [progress.fraction for progress in seen]
    weights = {one.fraction for one in seen if one.stage == "loading the weights"}
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(weights) > 10
    assert max(weights) < 0.9


def test_sharded_weights_and_bfloat16(broken: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(broken / "model.safetensors")
    (broken / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"model-1.safetensors": names[:9], "model-2.safetensors": names[9:]}
    for file, held in shards.items():
        save_file({name: tensors[name] for name in held}, broken / file)
    weight_map = {name: file for file, held in shards.items() for name in held}
    (broken / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    engine = load_engine(broken, LoadOptions(dtype="bfloat16"))
    assert engine.info.dtype == "bfloat16"
    engine.close()
