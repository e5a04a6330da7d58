"""Batches, loss, optimizer and resuming."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.training.conftest import TINY
from training.checkpoint import Progress
from training.corpus.build import Document
from training.heldout import held_out_batches
from training.loss import Targets, weighted_loss
from training.model import LanguageModel
from training.optim import make_optimizers, orthogonalise
from training.sampling import Mixture, Sampler
from training.tokenizer import Tokenizer
from training.trainer import Habits, Inputs, Trainer, TrainingConfig, constant_rate, linear_decay

CONFIG = TrainingConfig(rows=2, rows_at_once=1, row_len=128, warmup_steps=2)


def make_trainer(folder: Path, config: TrainingConfig = CONFIG) -> Trainer:
    torch.manual_seed(config.seed)
    model = LanguageModel(TINY)
    optimizers = make_optimizers(model, config.matrix_lr, config.other_lr)
    habits = Habits(
        folder / "c.pt", folder / "log.jsonl", folder / "pause", compile=False, evaluate_steps=2
    )
    return Trainer(config, habits, model, optimizers)


@pytest.fixture
def inputs(documents: list[Document], tokenizer: Tokenizer) -> Inputs:
    sampler = Sampler(documents, tokenizer, Mixture(), seed=1, row_len=CONFIG.row_len)
    unseen = held_out_batches(documents[:2], documents[2:4], tokenizer, num_rows=2, row_len=128)
    return Inputs(sampler, tokenizer, unseen)


def test_a_batch_depends_on_its_number_only(
    documents: list[Document], tokenizer: Tokenizer
) -> None:
    first = Sampler(documents, tokenizer, Mixture(), seed=1, row_len=128)
    second = Sampler(documents, tokenizer, Mixture(), seed=1, row_len=128)
    first.batch(0, 4)
    assert np.array_equal(first.batch(7, 4).ids, second.batch(7, 4).ids)
    assert not np.array_equal(first.batch(7, 4).ids, first.batch(8, 4).ids)
    other = Sampler(documents, tokenizer, Mixture(), seed=2, row_len=128)
    assert not np.array_equal(first.batch(7, 4).ids, other.batch(7, 4).ids)


def test_rows_hold_whole_documents(documents: list[Document], tokenizer: Tokenizer) -> None:
    batch = Sampler(documents, tokenizer, Mixture(fim=1.0), seed=1, row_len=256).batch(0, 8)
    for ids, weights in zip(batch.ids, batch.weights, strict=True):
        assert ids[0] == tokenizer.bos
        assert (ids == tokenizer.bos).sum() == (ids == tokenizer.eot).sum()
        assert not weights[ids == tokenizer.bos].any()


def test_a_compiled_model_is_evaluated_like_any_other(inputs: Inputs) -> None:
    """Asking a compiled module for its truth value raises, which once ended a run."""
    torch.manual_seed(1)
    model = LanguageModel(TINY)
    assert inputs.held_out is not None
    compiled = torch.compile(model.model, backend="eager")
    plain = inputs.held_out.losses(model)
    assert inputs.held_out.losses(model, compiled) == pytest.approx(plain)


def test_resuming_gives_the_same_weights_as_never_stopping(tmp_path: Path, inputs: Inputs) -> None:
    whole = make_trainer(tmp_path / "whole")
    whole.run(inputs, constant_rate(CONFIG), 6)
    part = make_trainer(tmp_path / "parts")
    part.run(inputs, constant_rate(CONFIG), 3)
    resumed = make_trainer(tmp_path / "parts")
    resumed.load(part.habits.checkpoint)
    resumed.run(inputs, constant_rate(CONFIG), 6)
    assert resumed.progress.step == 6
    losses = [entry["val_in"] for entry in whole.progress.history]
    assert losses[-1] == resumed.progress.history[-1]["val_in"]
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name


def test_training_lowers_the_loss(tmp_path: Path, inputs: Inputs) -> None:
    losses: list[float] = []
    trainer = make_trainer(tmp_path)
    trainer.run(inputs, constant_rate(CONFIG), 25, lambda _p, loss, _r: losses.append(loss))
    assert losses[-1] < losses[0] - 1


def test_sigterm_finishes_the_step_and_saves(tmp_path: Path, inputs: Inputs) -> None:
    def terminate(progress: Progress, _loss: float, _rate: float) -> None:
        if progress.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    trainer = make_trainer(tmp_path)
    trainer.run(inputs, constant_rate(CONFIG), None, terminate)
    again = make_trainer(tmp_path)
    again.load(trainer.habits.checkpoint)
    assert again.progress.step == 2
    assert again.progress.tokens == 2 * CONFIG.tokens_per_step


def test_schedules() -> None:
    constant = constant_rate(CONFIG)
    assert [constant(step) for step in (0, 1, 1000)] == [0.5, 1.0, 1.0]
    decay = linear_decay(100, 200)
    assert [decay(step) for step in (100, 150, 200)] == [1.0, 0.5, 0.0]


def test_the_loss_is_weighted_cross_entropy(tiny_model: LanguageModel) -> None:
    hidden, targets = _loss_inputs(line_ends=False)
    weight = tiny_model.output_weight
    losses = F.cross_entropy(F.linear(hidden, weight), targets.ids, reduction="none")
    expected = (losses * targets.weights).sum()
    _assert_same_loss(hidden, weight, targets, expected)


def test_at_a_line_end_newline_and_eot_count_the_same(tiny_model: LanguageModel) -> None:
    hidden, targets = _loss_inputs(line_ends=True)
    weight = tiny_model.output_weight
    logs = F.linear(hidden, weight).log_softmax(-1)
    either = torch.logaddexp(logs[:, targets.newline], logs[:, targets.eot])
    one = logs.gather(1, targets.ids[:, None])[:, 0]
    expected = -(torch.where(targets.line_ends, either, one) * targets.weights).sum()
    _assert_same_loss(hidden, weight, targets, expected)


def _loss_inputs(*, line_ends: bool) -> tuple[torch.Tensor, Targets]:
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(600, TINY.hidden, generator=generator, requires_grad=True)
    ids = torch.randint(0, TINY.vocab_size, (600,), generator=generator)
    flags = torch.arange(600) % 5 == 0
    ids[flags] = 17
    weights = torch.rand(600, generator=generator)
    return hidden, Targets(ids, weights, flags & line_ends, newline=17, eot=40)


def _assert_same_loss(
    hidden: torch.Tensor, weight: torch.Tensor, targets: Targets, expected: torch.Tensor
) -> None:
    wanted = torch.autograd.grad(expected, (hidden, weight), retain_graph=True)
    found = weighted_loss(hidden, weight, targets)
    torch.testing.assert_close(found, expected)
    gradients = torch.autograd.grad(found, (hidden, weight))
    for gradient, right in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, right, rtol=1e-4, atol=1e-5)


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 16, 40), (2, 40, 16)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert float(values.min()) > 0.6
        assert float(values.max()) < 1.3
