"""The commands from end to end, on a handful of files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console
from typer.testing import CliRunner

from tests.training.conftest import TINY, make_document
from training import runs, steps
from training.cli import app
from training.corpus.build import save_corpus, split_documents
from training.corpus.sources import Package
from training.evaluation.run import Options
from training.export import read_folder
from training.folders import STARTER_FOLDER, StateFolder, default_state_folder
from training.trainer import TrainingConfig

CONFIG = TrainingConfig(rows=1, rows_at_once=1, row_len=256)
SHAPE = replace(TINY, context=CONFIG.row_len)


@pytest.fixture
def state(state_root: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    monkeypatch.setattr("torch.compile", lambda module: module)
    monkeypatch.setattr("training.runs.lowest_priority", lambda: None)
    monkeypatch.setattr("training.runs.ModelShape", lambda **_: SHAPE)
    monkeypatch.setattr("training.heldout.NUM_ROWS", 1)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    state = StateFolder(state_root)
    unseen = [make_document(50, "click"), make_document(51, "h11")]
    corpus = split_documents([*unseen, *(make_document(number) for number in range(120))])
    save_corpus(corpus, {"package": Package("package", "1.0", "MIT")}, state.corpus)
    steps.make_tokenizer(state, Console(quiet=True), reuse=STARTER_FOLDER)
    return state


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_everything_from_corpus_to_card(state: StateFolder, tmp_path: Path) -> None:
    target, tokens = tmp_path / "model", CONFIG.tokens_per_step
    lengths = steps.Lengths(constant_tokens=2 * tokens, cooldown_tokens=2 * tokens)
    options = Options(target, tmp_path / "no-benchmarks", limit=2)
    steps.do_everything(state, lengths, options, Console(quiet=True), CONFIG)
    assert read_folder(target).shape == SHAPE
    assert "rest of a line" in (target / "README.md").read_text()
    assert "package 1.0: MIT" in (target / "NOTICE").read_text()
    assert (target / "loss.svg").read_text().startswith("<svg")
    shown = CliRunner().invoke(app, ["status"])
    assert shown.exit_code == 0
    assert "results: starter" in shown.output


def test_two_runs_never_share_a_state_folder(state: StateFolder) -> None:
    with FileLock(state.root / "training.lock"), pytest.raises(runs.AlreadyRunning):
        runs.train(state, Console(quiet=True), config=CONFIG)


def test_pause_and_resume(state_root: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["pause"]).exit_code == 0
    assert default_state_folder().pause_file.exists()
    assert runner.invoke(app, ["resume"]).exit_code == 0
    assert not default_state_folder().pause_file.exists()
    assert runner.invoke(app, ["resume"]).exit_code == 0
