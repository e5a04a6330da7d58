"""`fimbria eval infilling`: what it asks, scores, prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli import eval_infilling
from lsp_server.cli.app import run
from lsp_server.cli.eval_infilling import shown_text
from lsp_server.cli.session import Services
from model_runtime.api import Capability, Layout, ModelInfo, RuntimeFailure
from model_runtime.evaluation_items import Item
from tests.cli.fakes import FakeRuntime

RECORD = {
    "task_id": "SingleLineInfilling/HumanEval/7/L2",
    "prompt": "def double(x):\n",
    "suffix": "",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
    "entry_point": "double",
}


class Evaluations:
    def __init__(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.runtime = FakeRuntime()
        self._file = file
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        command = ["eval", "infilling", "--data", str(self._file), *arguments]
        status = run(command, Services(self.runtime.make))
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err

    def json(self, *arguments: str) -> Any:
        status, out, _ = self.run(*arguments, "--json")
        assert status == 0
        return json.loads(out)


@pytest.fixture
def evaluations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Evaluations:
    file = tmp_path / "HumanEval-SingleLineInfilling.jsonl"
    file.write_text(json.dumps(RECORD) + "\n", encoding="utf-8")
    return Evaluations(file, capsys)


def test_the_models_text_is_scored_whole_and_as_shown(evaluations: Evaluations) -> None:
    evaluations.runtime.answer = "    return 2 * x\n\n\ndef other():\n    pass\n"
    found = evaluations.json()
    assert (found["exact_match"], found["exact_match_as_shown"]) == (0.0, 1.0)
    assert found["exact_match_first_line"] == 1.0
    assert 0 < found["edit_similarity"] < 1 == found["edit_similarity_as_shown"]
    assert found["pass_at_1"] is None
    assert found["num_items"] == 1


def test_the_task_is_asked_as_it_stands(evaluations: Evaluations) -> None:
    evaluations.json("--layout", "psm", "--no-heal", "--max-tokens", "9")
    (request,) = evaluations.runtime.requests
    assert (request.prompt, request.suffix, request.stop) == ("def double(x):\n", "", ())
    assert (request.layout, request.heal, request.max_tokens) == (Layout.PSM, False, 9)
    assert request.sampling.temperature == 0
    assert evaluations.runtime.closed


def test_the_configuration_stands_beside_the_figures(evaluations: Evaluations) -> None:
    found = evaluations.json("--model", "/models/code")
    configuration = found["configuration"]
    assert configuration["benchmark"] == "single-line"
    assert (configuration["layout"], configuration["max_tokens"]) == ("spm", 128)
    assert not configuration["executed"]
    values = {one["what"]: one["value"] for one in found["published"]}
    assert values["Code Llama 13B, pass@1"] == 85.6
    assert evaluations.runtime.specs[0].model == "/models/code"


def test_the_table_names_the_paper(evaluations: Evaluations) -> None:
    _, out, _ = evaluations.run("--layout", "psm")
    assert "74.1%" in out
    assert "table 14" in out
    assert "--execute runs it" in out


def test_with_execute_programs_run_in_the_sandbox(
    evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def passes(program: str) -> bool:
        seen.append(program)
        return True

    monkeypatch.setattr(eval_infilling, "_prove_sandbox", lambda: seen.append("proved"))
    monkeypatch.setattr("model_runtime.evaluation_sandbox.passes", passes)
    evaluations.runtime.answer = "    return 2 * x\n"
    assert evaluations.json("--execute")["pass_at_1"] == 1.0
    assert seen[0] == "proved"
    assert seen[1].startswith("def double(x):\n    return 2 * x\n")


def test_without_a_sandbox_nothing_is_asked(
    evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RuntimeFailure("There is no sandbox to be had here: no namespaces.", "Leave it out.")

    monkeypatch.setattr(eval_infilling, "_prove_sandbox", refuse)
    status, out, error = evaluations.run("--execute")
    assert (status, out) == (1, "")
    assert "no sandbox" in error
    assert not evaluations.runtime.requests


def test_a_wrong_file_is_one_line(evaluations: Evaluations, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    for content, reason in (
        ("{}", "a line lacks 'prompt'"),
        ("[]", "a line is no JSON object"),
        ("x", ""),
    ):
        other.write_text(f"{content}\n", encoding="utf-8")
        status, _, error = evaluations.run("--data", str(other))
        assert status == 1
        assert error.count("\n") == 1
        assert f"is no infilling benchmark: {reason}" in error
    assert (
        "is no infilling benchmark: is a directory." in evaluations.run("--data", str(tmp_path))[2]
    )


def test_what_an_editor_would_show_of_an_answer() -> None:
    item = Item("p", "def f(x):\n", "    return y\n", "    y = 2 * x\n")
    model = ModelInfo(id="m", context_length=99, capabilities=frozenset({Capability.INFILLING}))

    def shown(text: str, *, cut_short: bool = False) -> str:
        return shown_text(text, item, model, cut_short=cut_short)

    assert shown("    y = 2 * x\n") == "    y = 2 * x"
    assert shown("    y = 2 * x\n    return y\n") == "    y = 2 * x"
    assert shown("") == shown("\n\n") == ""
    assert shown("    y = 2 * x\n    z = 3 * ", cut_short=True) == "    y = 2 * x"


def test_help_says_that_nothing_is_executed(
    evaluations: Evaluations, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", "infilling", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "only with --execute" in " ".join(shown.split())
    assert "fimbria eval infilling --limit 50" in shown
    assert run(["eval"]) == 0
    assert "fimbria eval infilling --limit 50" in capsys.readouterr().out
