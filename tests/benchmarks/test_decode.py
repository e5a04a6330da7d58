"""Decode speed is measured, counted and reported; what cannot be measured here is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from benchmarks import decode
from benchmarks.bandwidth import Format, ReadSpeed, bytes_read
from benchmarks.decode_engines import (
    NATIVE,
    NATIVE_INT8,
    TORCH,
    HandLoop,
    NotHere,
    StepDecoder,
    by_graphs,
    by_llama_cpp,
    native,
    stored_format,
)
from benchmarks.decode_report import markdown, write_plot
from benchmarks.decode_subjects import open_subject
from benchmarks.shapes import save_random_llama
from model_runtime import native_model
from model_runtime.native.build import NativeUnavailable

CPU = torch.device("cpu")


def run(*options: str) -> Result:
    app = typer.Typer()
    app.command()(decode.main)
    return CliRunner().invoke(app, options)


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes seconds; steps in C have tests of their own."""

    def unavailable() -> Path:
        raise NativeUnavailable("not in this test")

    monkeypatch.setattr(native_model, "library_path", unavailable)


def test_a_run_writes_table_figures_and_what_was_left_out(tmp_path: Path) -> None:
    done = run(
        "--models", "shape:tiny", "--contexts", "4,0,1000", "--tokens", "5", "--rounds", "1",
        "--results", str(tmp_path), "--engines", f"{TORCH},{NATIVE},fimbria graphs",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (file,) = tmp_path.glob("*-decode-cpu.json")
    result = json.loads(file.read_text(encoding="utf-8"))
    assert [(p["engine"], p["context"]) for p in result["points"]] == [(TORCH, 4), (TORCH, 123)]
    assert all(point["ms_per_token"] > 0 for point in result["points"])
    page = file.with_suffix(".md").read_text(encoding="utf-8")
    assert page in done.output
    assert "shape:tiny, fimbria graphs: not measured, CUDA graphs need a GPU." in page
    assert "shape:tiny, fimbria C: not measured, the steps are not compiled here." in page


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--engines", "warp", "--engines takes some of"),
        ("--contexts", "-1", "--contexts takes numbers"),
        ("--contexts", "many", "invalid literal"),
        ("--models", "shape:9t", "no shape '9t'"),
        ("--device", "warp:0", "is no device"),
    ],
)
def test_wrong_options_are_one_line_on_stderr(option: str, value: str, said: str) -> None:
    done = run("--models", "shape:tiny", option, value)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_step_reads_matrices_norms_and_the_cache_once() -> None:
    model = open_subject("shape:tiny", CPU, 1).model
    layer = 64 * 32 + 32 * 32 + 96 * 32 + 32 * 48
    matrices = 2 * layer + 512 * 32
    cached = 2 * 2 * 16 * 10
    read = bytes_read(model.weights, model.kv_shape, 10, Format(1, 4))
    assert read == matrices + 5 * 32 * 4 + cached * 4


def test_eight_bits_are_one_byte() -> None:
    assert stored_format(NATIVE_INT8, torch.float32) == Format(1, 4)
    assert stored_format(TORCH, torch.bfloat16) == Format(2, 2)


def test_more_than_the_largest_buffer_is_extrapolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.bandwidth._LARGEST_BUFFER", 1024)
    speed = ReadSpeed(CPU)
    assert speed.read_ms(1024 * 1_000_000) > 1000 * speed.read_ms(1024)


def test_all_engines_of_a_checkpoint_write_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_random_llama(
        folder,
        {
            "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "head_dim": 16,
            "num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.2,
        },
    )  # fmt: skip
    from benchmarks.peers.generate import load_reference

    subject = open_subject(str(folder), CPU, 1)
    ours, theirs = StepDecoder(subject.model, 128), HandLoop(load_reference(folder, 1))
    prompt = list(range(300, 340))
    for repeat in range(2):
        measured = [peer.answer(prompt, 9) for peer in (ours, theirs)]
        assert ours.last_ids == theirs.last_ids
        assert [m.cached_tokens for m in measured] == ([39, 39] if repeat else [0, 0])


def test_engines_that_are_not_here_say_so() -> None:
    subject = open_subject("shape:tiny", CPU, 1)
    for opened in (native(subject), by_graphs(subject), by_llama_cpp(subject)):
        with pytest.raises(NotHere), opened:
            pass


def point(engine: str, **figures: Any) -> dict[str, Any]:
    return {
        "model": "starter", "engine": engine, "context": 64, "ms_per_token": 2.0,
        "num_bytes": 32_000_000, "read_ms": 1.5, "share": 0.75,
    } | figures  # fmt: skip


def test_the_table_tells_speed_and_share() -> None:
    result = {
        "machine": {
            "date": "2026-01-01", "cpu": "Some", "cores": 2, "memory_gib": 8, "system": "Linux",
            "load_before": 0.1, "versions": {"torch": "2"},
        },
        "config": {"device": "cpu", "num_threads": 1, "num_tokens": 33, "rounds": 5},
        "points": [point(TORCH), point(NATIVE, ms_per_token=1.0)],
        "notes": [],
    }  # fmt: skip
    page = markdown(result, None)
    assert f"| {TORCH} | 64 | 500 | 2.00 | 32.0 | 16.0 | 75% |" in page
    assert f"| {NATIVE} | 64 | 1000 | 1.00 | 32.0 | 32.0 | 75% |" in page


def test_without_matplotlib_there_is_no_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.decode_report.find_spec", lambda _: None)
    assert write_plot([point(TORCH)], tmp_path / "decode") is None
    assert list(tmp_path.iterdir()) == []


def test_the_plot_lies_beside_the_table(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = write_plot([point(TORCH), point(NATIVE, context=128)], tmp_path / "decode")
    assert file == tmp_path / "decode.svg"
    assert "share of memory bandwidth" in file.read_text(encoding="utf-8")
