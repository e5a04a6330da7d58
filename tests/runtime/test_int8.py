"""`--dtype int8`: eight-bit weights on the CPU, through the normal way of loading."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from tests.runtime.running import run

CODE = "def area(width, height):\n    retu"


def test_int8_weights_complete_as_well(starter_folder: Path) -> None:
    engine = load_engine(starter_folder, LoadOptions(dtype="int8"))
    try:
        plain = run(engine, CODE, "\n", max_tokens=16, speculate=False)
        assert plain.text.startswith("rn")
        assert run(engine, CODE, "\n", max_tokens=16).text == plain.text
    finally:
        engine.close()


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("native", ["1", "0"])
def test_weights_are_rounded_from_what_they_are_stored_in(
    stored: torch.dtype,
    native: str,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And never lie in memory as float32: the answers are those of the same values in float32."""
    monkeypatch.setenv("FIMBRIA_NATIVE", native)
    texts = []
    for dtype in (stored, torch.float32):
        folder = tmp_path / str(dtype).removeprefix("torch.")
        _store(tiny_folder, folder, through=stored, dtype=dtype)
        engine = load_engine(folder, LoadOptions(dtype="int8"))
        try:
            assert engine.info.dtype == "float32"
            texts.append(run(engine, CODE, "\n", max_tokens=16).text)
        finally:
            engine.close()
    assert texts[0] == texts[1]


def _store(source: Path, folder: Path, *, through: torch.dtype, dtype: torch.dtype) -> None:
    """Copy a checkpoint with the values of `through`, stored as `dtype`."""
    shutil.copytree(source, folder)
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: tensor.to(through).to(dtype) for name, tensor in weights.items()},
        folder / "model.safetensors",
    )
    config = json.loads((folder / "config.json").read_text())
    config["dtype"] = str(dtype).removeprefix("torch.")
    (folder / "config.json").write_text(json.dumps(config))
