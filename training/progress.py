"""Showing how a run goes: a bar on a terminal, lines in a log file."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from training.checkpoint import Progress as RunProgress
from training.trainer import Report

LINE_EVERY_STEPS = 10
SMOOTHING = 0.97


class Meter:
    """Smoothed loss and speed of a run."""

    def __init__(self) -> None:
        self._loss: float | None = None
        self._started = time.monotonic()
        self._first_tokens: int | None = None

    def describe(self, progress: RunProgress, loss: float, rate: float) -> str:
        """One line about the step just made."""
        average = loss if self._loss is None else self._loss
        self._loss = SMOOTHING * average + (1 - SMOOTHING) * loss
        if self._first_tokens is None:
            self._first_tokens, self._started = progress.tokens, time.monotonic()
        elapsed = max(1e-9, time.monotonic() - self._started)
        speed = (progress.tokens - self._first_tokens) / elapsed
        return (
            f"{progress.total_tokens / 1e6:7.2f}M tokens  loss {loss:.3f}"
            f"  mean {self._loss:.3f}  rate {rate:.2f}  {speed:.0f} tok/s"
        )


@contextmanager
def shown(console: Console, total_steps: int | None, first_step: int) -> Iterator[Report]:
    """A reporter for the trainer, with a bar when `console` is a terminal."""
    meter = Meter()
    if not console.is_terminal:

        def line(progress: RunProgress, loss: float, rate: float) -> None:
            text = meter.describe(progress, loss, rate)
            if progress.step % LINE_EVERY_STEPS == 0:
                console.print(f"{time.strftime('%H:%M:%S')} step {progress.step:6d}  {text}")

        yield line
        return
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("compiling", total=total_steps)

        def advance(progress: RunProgress, loss: float, rate: float) -> None:
            text = meter.describe(progress, loss, rate)
            bar.update(task, description=text, completed=progress.step - first_step)

        yield advance
