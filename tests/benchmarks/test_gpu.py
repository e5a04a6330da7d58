"""The script for a GPU, run on the CPU with a tiny shape: no figure means anything here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu, gpu_steps
from benchmarks.gpu_checks import scenario
from benchmarks.gpu_quantized import quantized
from benchmarks.gpu_report import goals, markdown
from benchmarks.gpu_subject import make_subject, stepper, transformers_model
from model_runtime.step import Row

CPU = torch.device("cpu")


def measured(out: Path, parts: str, *more: str) -> dict[str, Any]:
    fixed = ["--device", "cpu", "--shapes", "tiny", "--tries", "1", "--bandwidth-gib", "0.001"]
    options = ["--kv-share", "0.001", "--out", str(out), "--parts", parts, *more]
    return gpu.measure(gpu.parse([*fixed, *options]))


def test_a_run_measures_and_writes_tables(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    content = measured(out, "decode,engine")
    assert json.loads(out.read_text(encoding="utf-8")) == content
    assert {part["state"] for part in content["parts"].values()} == {"done"}
    whats = [row["what"] for row in content["parts"]["tiny engine"]["rows"]]
    assert whats == ["start-up", "keystrokes, drafts on", "keystrokes, drafts off", "abort"] * 2
    warm = content["parts"]["tiny engine"]["rows"][1]
    assert warm["new_tokens_p50"] < 20 < warm["prompt_tokens"]
    assert "## tiny decode" in out.with_suffix(".md").read_text(encoding="utf-8")
    assert not gpu.has_failed(content)


def test_a_later_run_adds_to_the_file(tmp_path: Path) -> None:
    measured(tmp_path / "gpu.json", "captures")
    content = measured(tmp_path / "gpu.json", "decode")
    assert list(content["parts"]) == ["tiny captures", "tiny decode"]


def test_a_part_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> Iterator[dict[str, Any]]:
        yield {"kind": "plain", "rows": 1, "context": 512, "share_of_copy": 0.5, "tokens_s": 1}
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(gpu_steps, "decode", failing)
    content = measured(tmp_path / "gpu.json", "decode,captures")
    broken = content["parts"]["tiny decode"]
    assert broken["state"] == "failed: RuntimeError: no such kernel"
    assert len(broken["rows"]) == 1
    assert content["parts"]["tiny captures"]["state"] == "done"
    assert gpu.has_failed(content)


def test_a_part_that_takes_too_long_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object) -> Iterator[dict[str, Any]]:
        yield {"tokens": 1}
        while True:
            pass

    monkeypatch.setattr(gpu_steps, "captures", endless)
    content = measured(tmp_path / "gpu.json", "captures", "--budget-s", "0.2")
    assert content["parts"]["tiny captures"]["state"].startswith("cut off after")
    assert content["parts"]["tiny captures"]["rows"] == [{"tokens": 1}]


def test_transformers_computes_the_same_on_the_same_memory() -> None:
    subject = make_subject("tiny", CPU, torch.float32)
    theirs = transformers_model(subject)
    embedding = theirs.model.embed_tokens.weight
    assert embedding.data_ptr() == subject.model.weights.embedding.data_ptr()
    ids = list(range(5, 45))
    with torch.inference_mode(), subject.cache(1, 256) as kv:
        ours = subject.model.forward([Row(0, 0, ids, 40)], kv)
        torch.testing.assert_close(
            theirs(torch.tensor([ids])).logits[0], ours, rtol=1e-3, atol=1e-4
        )


def test_a_step_on_wrong_slots_would_be_noticed() -> None:
    subject = make_subject("tiny", CPU, torch.float32)
    with subject.cache(4, 1024) as kv:
        by_name = {n: subject.model.forward(list(r), kv).clone() for n, r in scenario(subject)}
        slot_two = [
            Row(1 if row.slot == 2 else row.slot, row.start, row.ids)
            for row in dict(scenario(subject))["many decode"]
            if row.slot != 1
        ]
        wrong = stepper(subject, "graphs").forward(slot_two, kv)
    right = by_name["many decode"][[0, 2]]
    assert float((wrong - right).norm() / right.norm()) > 0.1


def test_what_torch_ships_for_fewer_bits_computes_about_the_same() -> None:
    subject = make_subject("tiny", CPU, torch.bfloat16)
    rows = quantized(subject, 10.0)
    assert next(rows)["failed"] == "not built"
    assert next(rows)["error"] == 0.0


def test_goals_are_judged_where_something_was_measured() -> None:
    decode = [{"kind": "graphs", "context": 4096, "share_of_copy": 0.83}]
    result = {"machine": {}, "parts": {"7b decode": {"state": "done", "rows": decode}}}
    judged = {goal: met for goal, _, _, met in goals(result)}
    assert judged.pop("decode at 4k, share of copy bandwidth") is True
    assert set(judged.values()) == {None}
    assert "| decode at 4k, share of copy bandwidth | ≥ 0.8 | 0.83 | yes |" in markdown(result)
