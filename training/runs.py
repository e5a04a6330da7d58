"""Putting a run together: fresh, resumed, or branched off for a cooldown."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from rich.console import Console

from training.checkpoint import load_weights
from training.corpus.build import load_split
from training.folders import StateFolder
from training.heldout import held_out_batches
from training.model import LanguageModel, ModelShape
from training.optim import make_optimizers
from training.politeness import lowest_priority
from training.progress import shown
from training.sampling import Sampler
from training.tokenizer import Tokenizer
from training.trainer import Habits, Inputs, Trainer, TrainingConfig, constant_rate, linear_decay

# What the loss looks at while the rate decays: mostly the middle.
COOLDOWN_CONTEXT_WEIGHT = 0.3
# An editor shows one line of what a model of this size says, so it learns to stop there.
COOLDOWN_ONE_LINE = 0.9
COOLDOWN_EVALUATE_STEPS = 50


class AlreadyRunning(RuntimeError):
    """Another process trains in the same state folder."""


@dataclass(frozen=True)
class Start:
    """Weights to start from, and how many tokens they have seen."""

    folder: Path
    tokens: int


def train(
    state: StateFolder,
    console: Console,
    *,
    config: TrainingConfig | None = None,
    start: Start | None = None,
    until_tokens: int | None = None,
) -> None:
    """Go on with the constant-rate run until a signal or `until_tokens`.

    `start` counts for the first time only; afterwards the checkpoint does.
    """
    config = config or TrainingConfig()
    with _exclusive(state):
        trainer = _trainer(config, _habits(state, state.checkpoint, state.log))
        if state.checkpoint.exists():
            trainer.load(state.checkpoint)
        elif start:
            load_weights(trainer.model, start.folder)
            trainer.progress.tokens_before = start.tokens
        last = None if until_tokens is None else -(-until_tokens // config.tokens_per_step)
        with shown(console, last, trainer.progress.step) as report:
            trainer.run(_inputs(state, config), constant_rate(config), last, report)


def cooldown(
    state: StateFolder,
    console: Console,
    *,
    num_tokens: int,
    config: TrainingConfig | None = None,
) -> None:
    """Branch off the constant-rate run and decay the rate to nothing over `num_tokens`.

    A branch that was interrupted goes on, with the length that it was begun with.
    """
    config = config or TrainingConfig()
    focused = replace(
        config.mixture, context_weight=COOLDOWN_CONTEXT_WEIGHT, one_line=COOLDOWN_ONE_LINE
    )
    config = replace(config, mixture=focused)
    with _exclusive(state):
        habits = _habits(state, state.branch, state.root / "cooldown.jsonl")
        trainer = _trainer(config, replace(habits, evaluate_steps=COOLDOWN_EVALUATE_STEPS))
        if state.branch.exists():
            trainer.load(state.branch)
        else:
            trainer.load(state.checkpoint)
            first = trainer.progress.step
            trainer.progress.decay = (first, first + max(1, num_tokens // config.tokens_per_step))
        first, last = trainer.progress.decay
        with shown(console, last, trainer.progress.step) as report:
            trainer.run(_inputs(state, config), linear_decay(first, last), last, report)


def _habits(state: StateFolder, checkpoint: Path, log: Path) -> Habits:
    threads = len(os.sched_getaffinity(0))
    return Habits(checkpoint, log, state.pause_file, num_threads=threads)


def _trainer(config: TrainingConfig, habits: Habits) -> Trainer:
    lowest_priority()
    torch.manual_seed(config.seed)
    model = LanguageModel(ModelShape(context=config.row_len))
    return Trainer(config, habits, model, make_optimizers(model, config.matrix_lr, config.other_lr))


def _inputs(state: StateFolder, config: TrainingConfig) -> Inputs:
    tokenizer = Tokenizer(state.tokenizer / "tokenizer.model")
    documents = load_split(state.corpus, "train")
    sampler = Sampler(
        documents, tokenizer, config.mixture, seed=config.seed, row_len=config.row_len
    )
    unseen = load_split(state.corpus, "val_in"), load_split(state.corpus, "val_out")
    held_out = held_out_batches(*unseen, tokenizer, row_len=config.row_len)
    return Inputs(sampler, tokenizer, held_out)


@contextmanager
def _exclusive(state: StateFolder) -> Iterator[None]:
    """Keep a second run away from the state folder."""
    state.root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(state.root / "training.lock", timeout=0):
            yield
    except Timeout as error:
        raise AlreadyRunning(f"another training runs in {state.root}") from error
