"""Calibrating through the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.quality import calibrate_command


def test_calibrating_any_model_on_any_files(
    starter_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(6):
        line = f"value_{number} = compute({number}, other=None)\n"
        (source / f"module_{number}.py").write_text(line * 30)
    calibrate_command(
        model=str(starter_folder), files=source, places=40, target=0.1, results=tmp_path
    )
    shown = capsys.readouterr().out
    assert "| mean |" in shown
    (record,) = tmp_path.glob("*-quality-calibration.json")
    assert json.loads(record.read_text())["target"] == 0.1
