"""`--dtype int8`: eight-bit weights on the CPU, through the normal way of loading."""

from __future__ import annotations

from pathlib import Path

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
