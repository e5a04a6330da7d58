"""What each command does, and which of them are still to be done."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from training.card import CardFacts, results_table, write_card
from training.checkpoint import read_model, read_progress
from training.corpus.build import load_split, read_documents, save_corpus, split_documents
from training.corpus.sources import permitted_packages, source_files
from training.curve import draw_curve
from training.folders import StateFolder, write_text
from training.notice import write_notice
from training.tokenizer import copy_tokenizer, train_tokenizer

if TYPE_CHECKING:
    from training.evaluation.run import Options
    from training.trainer import TrainingConfig


@dataclass(frozen=True)
class Lengths:
    """How long `all` trains."""

    constant_tokens: int
    cooldown_tokens: int


def build_corpus(state: StateFolder, console: Console) -> None:
    """Build and store the corpus."""
    packages = permitted_packages()
    dropped = Counter[str]()
    with console.status("reading and de-duplicating"):
        documents = read_documents(source_files(packages), dropped)
        found = split_documents(documents, dropped)
        save_corpus(found, packages, state.corpus)
    for name, split in found.splits().items():
        console.print(f"{name}: {len(split)} files, {sum(len(d.text) for d in split) / 1e6:.1f} MB")
    console.print(f"dropped: {dict(dropped)}")


def make_tokenizer(state: StateFolder, console: Console, reuse: Path | None = None) -> None:
    """Train the tokenizer, or copy another folder's so that its weights stay valid."""
    if reuse:
        copy_tokenizer(reuse, state.tokenizer)
        return
    with console.status("training the tokenizer"):
        texts = (document.text for document in load_split(state.corpus, "train"))
        train_tokenizer(texts, state.tokenizer)


def evaluate_model(state: StateFolder, options: Options, name: str, console: Console) -> None:
    """Evaluate a model folder, store the record and show its table."""
    from training.evaluation.run import evaluate, save_record

    record = evaluate(state, options, console)
    path = save_record(state, name, record)
    console.print(results_table(record))
    console.print(f"held-out losses: {record['held_out']}")
    console.print(f"floors: {record['floors']}")
    console.print(f"stored as {path}")


def describe_model(state: StateFolder, target: Path, name: str, earlier: str | None) -> None:
    """Write README.md, NOTICE and loss.svg beside the weights of the cooldown branch."""
    progress = read_progress(state.branch)
    summary = _read_json(state.corpus / "summary.json")
    facts = CardFacts(
        num_parameters=read_model(state.branch).num_parameters,
        progress=progress,
        corpus=summary,
        record=_read_json(state.results / f"{name}.json"),
        earlier=_read_json(state.results / f"{earlier}.json") if earlier else None,
    )
    notice = write_notice(summary["trained_on"], warm_start=progress.tokens_before > 0)
    write_text(target / "README.md", write_card(facts))
    write_text(target / "NOTICE", notice)
    write_text(target / "loss.svg", draw_curve(progress.history))


def show_status(state: StateFolder, console: Console) -> None:
    """Say what there is in the state folder."""
    console.print(f"state folder: {state.root}")
    console.print(f"corpus: {_yes(state.corpus / 'summary.json')}")
    console.print(f"tokenizer: {_yes(state.tokenizer / 'tokenizer.model')}")
    for title, path in (("training", state.checkpoint), ("cooldown", state.branch)):
        console.print(f"{title}: {_progress_line(path)}")
    console.print(f"paused: {_yes(state.pause_file)}")
    for path in sorted(state.results.glob("*.json")):
        console.print(f"results: {path.stem}")


def do_everything(
    state: StateFolder,
    lengths: Lengths,
    options: Options,
    console: Console,
    config: TrainingConfig | None = None,
) -> None:
    """Run every step that has not been done."""
    from training import runs
    from training.export import export_model

    if not (state.corpus / "summary.json").exists():
        build_corpus(state, console)
    if not (state.tokenizer / "tokenizer.model").exists():
        make_tokenizer(state, console)
    runs.train(state, console, config=config, until_tokens=lengths.constant_tokens)
    runs.cooldown(state, console, config=config, num_tokens=lengths.cooldown_tokens)
    export_model(state.branch, state.tokenizer, options.model_folder)
    evaluate_model(state, options, "starter", console)
    describe_model(state, options.model_folder, "starter", None)


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _yes(path: Path) -> str:
    return "yes" if path.exists() else "no"


def _progress_line(path: Path) -> str:
    if not path.exists():
        return "not started"
    progress = read_progress(path)
    last = progress.history[-1] if progress.history else {}
    losses = ", ".join(f"{k} {v:.3f}" for k, v in last.items() if k not in ("step", "tokens"))
    speed = progress.tokens / max(1.0, progress.seconds)
    return f"{progress.total_tokens / 1e6:.2f}M tokens, {speed:.0f} tok/s; {losses}"
