"""The training loop: resumable at any step, pausable, polite to its neighbours."""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor

from training.checkpoint import Optimizers, Progress, load_checkpoint, save_checkpoint
from training.folders import write_text
from training.heldout import HeldOut
from training.loss import Targets, weighted_loss
from training.model import LanguageModel
from training.politeness import ThreadChooser, wait_while_exists
from training.sampling import Batch, Mixture, Sampler
from training.tokenizer import Tokenizer


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a run computes."""

    seed: int = 1
    rows: int = 8
    rows_at_once: int = 2
    row_len: int = 1024
    matrix_lr: float = 5e-3
    other_lr: float = 2.5e-3
    warmup_steps: int = 40
    clip_norm: float = 1.0
    mixture: Mixture = field(default_factory=Mixture)

    @property
    def tokens_per_step(self) -> int:
        return self.rows * self.row_len


@dataclass(frozen=True)
class Habits:
    """How a run behaves on its machine; none of it changes what is computed."""

    checkpoint: Path
    log: Path
    pause_file: Path
    save_seconds: float = 300.0
    evaluate_steps: int = 100
    compile: bool = True
    num_threads: int = 1


@dataclass(frozen=True)
class Inputs:
    """What a run reads."""

    sampler: Sampler
    tokenizer: Tokenizer
    held_out: HeldOut | None = None


Report = Callable[[Progress, float, float], None]
Schedule = Callable[[int], float]


def constant_rate(config: TrainingConfig) -> Schedule:
    """Warm up, then go on at the full rate for ever."""
    return lambda step: min(1.0, (step + 1) / config.warmup_steps)


def linear_decay(first: int, last: int) -> Schedule:
    """From the full rate at step `first` to nothing at step `last`."""
    return lambda step: max(0.0, (last - step) / (last - first))


class Trainer:
    """Trains `model`, from its first step or from where a loaded checkpoint stands."""

    def __init__(
        self,
        config: TrainingConfig,
        habits: Habits,
        model: LanguageModel,
        optimizers: Optimizers,
    ) -> None:
        self.config = config
        self.habits = habits
        self.model = model
        self.optimizers = optimizers
        self.progress = Progress()
        self._trunk: Callable[[Tensor], Tensor] = (
            torch.compile(model.model) if habits.compile else model.model
        )
        self._full_rates = [_rate(optimizer) for optimizer in optimizers]
        self._threads = ThreadChooser(habits.num_threads)
        self._stop = False

    def load(self, checkpoint: Path) -> None:
        """Go on from a checkpoint."""
        self.progress = load_checkpoint(checkpoint, self.model, self.optimizers)

    def run(
        self,
        inputs: Inputs,
        schedule: Schedule,
        last_step: int | None = None,
        report: Report | None = None,
    ) -> None:
        """Train until `last_step` or a signal; checkpoints as it goes and at the end."""
        if not self.progress.history:
            self._evaluate(inputs)
        saved = time.monotonic()
        with self._stopping_on_signals():
            while not self._stop and self._is_before(last_step):
                self._wait_while_paused()
                rate = schedule(self.progress.step)
                with self._threads.step():
                    loss = self._step(inputs, rate)
                if report:
                    report(self.progress, loss, rate)
                done = not self._is_before(last_step)
                if done or self.progress.step % self.habits.evaluate_steps == 0:
                    self._evaluate(inputs, train=loss)
                if time.monotonic() - saved > self.habits.save_seconds:
                    self.save()
                    saved = time.monotonic()
        self.save()

    def _is_before(self, last_step: int | None) -> bool:
        return last_step is None or self.progress.step < last_step

    def save(self) -> None:
        """Write the checkpoint, and the log as lines that people can read."""
        save_checkpoint(self.habits.checkpoint, self.model, self.optimizers, self.progress)
        lines = "".join(json.dumps(entry) + "\n" for entry in self.progress.history)
        write_text(self.habits.log, lines)

    def _step(self, inputs: Inputs, rate: float) -> float:
        """One update from one batch; the batch's mean loss."""
        started = time.monotonic()
        batch = inputs.sampler.batch(self.progress.step, self.config.rows)
        loss = self._gradients(batch, inputs.tokenizer)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        for optimizer, full in zip(self.optimizers, self._full_rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = full * rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.tokens += self.config.tokens_per_step
        self.progress.seconds += time.monotonic() - started
        return loss

    def _gradients(self, batch: Batch, tokenizer: Tokenizer) -> float:
        """Accumulate the gradients of the batch's weighted mean loss."""
        total_weight = float(batch.weights[:, 1:].sum())
        loss = 0.0
        for start in range(0, self.config.rows, self.config.rows_at_once):
            rows = slice(start, start + self.config.rows_at_once)
            ids = torch.from_numpy(batch.ids[rows])
            with _mixed_precision():
                hidden = self._trunk(ids[:, :-1])
            targets = Targets(
                ids[:, 1:].flatten(),
                torch.from_numpy(batch.weights[rows, 1:]).flatten() / total_weight,
                torch.from_numpy(batch.line_ends[rows, 1:]).flatten(),
                tokenizer.newline,
                tokenizer.eot,
            )
            weight = self.model.output_weight.to(hidden.dtype)
            part = weighted_loss(hidden.flatten(0, 1), weight, targets)
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.item()
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} at step {self.progress.step}")
        return loss

    def _evaluate(self, inputs: Inputs, **training_loss: float) -> None:
        if inputs.held_out:
            losses = inputs.held_out.losses(self.model, self._trunk)
            done = {"step": self.progress.step, "tokens": self.progress.total_tokens}
            self.progress.history.append({**done, **training_loss, **losses})

    def _wait_while_paused(self) -> None:
        if self.habits.pause_file.exists():
            self.save()
            wait_while_exists(self.habits.pause_file, lambda: self._stop)

    @contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        """Finish the step at hand on SIGTERM or SIGINT instead of dying in it."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stop = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.defaults["lr"])


def _mixed_precision() -> torch.autocast:
    """bfloat16 where the processor has it; elsewhere it is far slower than float32."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_fast_bfloat16())


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware."""
    return bool(torch.cpu._is_avx512_bf16_supported())
