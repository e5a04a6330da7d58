"""The step loop: one thread owns the model and runs admit → plan → forward → choose → emit, over
and over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import torch

from model_runtime.api import (
    Event,
    InvalidRequest,
    ModelInfo,
    Request,
    RuntimeFailure,
    RuntimeUnavailable,
)
from model_runtime.device_turns import DeviceTurns
from model_runtime.failures import as_failure
from model_runtime.prompts import PromptRenderer
from model_runtime.scheduler import Plan, Scheduler
from model_runtime.sequence import Emit, EngineStats, Sequence
from model_runtime.stats import Counters
from model_runtime.worker import Worker

_RETRY_S = 0.05

logger = logging.getLogger(__name__)

Abort = Callable[[], None]


class Engine:
    """Runs requests on a loaded model. Its public methods may be called from any thread."""

    def __init__(
        self,
        info: ModelInfo,
        renderer: PromptRenderer,
        worker: Worker,
        turns: DeviceTurns | None = None,
    ) -> None:
        """turns: shared by all engines on a device; None where there is no other."""
        self.info = info
        self.renderer = renderer
        self._worker = worker
        self._turns = turns or DeviceTurns()
        self._place = self._turns.join()
        self._num_threads = torch.get_num_threads()
        self._changed = threading.Condition()
        self._scheduler = Scheduler(worker.most_rows)
        self._counters = Counters()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def submit(self, request: Request, emit: Emit) -> Abort:
        """Queue a request; it aborts older ones of the same document (see sequence.supersedes).

        emit is called on the engine's thread with any number of chunks, then exactly one Finished
        or RuntimeFailure; it must not block, and not close the engine. A request whose emit raises
        is aborted. Returns a function that aborts the request within one
        step; it may be called at any time from any thread. Raises InvalidRequest,
        MissingCapability, RuntimeUnavailable.
        """
        self.renderer.check(request)
        self._check_candidates(request)
        sequence = Sequence(request, emit, time.perf_counter())
        with self._changed:
            if self._closed:
                raise RuntimeUnavailable("The engine has been closed.")
            self._scheduler.add(sequence)
            self._counters.requests += 1
            self._changed.notify()
        self._turns.hurry(self._place, request.priority)
        return sequence.aborted.set

    def stats(self) -> EngineStats:
        """A snapshot of the counters."""
        with self._changed:
            queued, running = len(self._scheduler.waiting), len(self._scheduler.running)
            return self._counters.snapshot(queued, running, self._worker.memory())

    def close(self) -> None:
        """Abort everything, end the thread. Every request still gets its last event. Idempotent."""
        with self._changed:
            self._closed = True
            for sequence in self._scheduler.all():
                sequence.aborted.set()
            self._changed.notify()
        self._thread.join()

    def _check_candidates(self, request: Request) -> None:
        most, wanted = self._worker.num_slots, request.num_candidates
        if not 1 <= wanted <= most:
            raise InvalidRequest(
                f"The KV cache has room for {most} candidates at once, not {wanted}.",
                "Ask for fewer (at least 1), or start the daemon with more --kv-memory.",
            )

    def _loop(self) -> None:
        # With its first call a thread takes over what was set last in the process, for another
        # model perhaps; from then on it has its own.
        torch.get_num_threads()
        torch.set_num_threads(self._num_threads)
        try:
            while self._wait():
                self._end_aborted()
                self._admit()
                with self._changed:
                    plan = self._scheduler.plan()
                if not self._run(plan):
                    self._wait_for_change()
        finally:  # whatever ends the thread: the other engines would wait for this one
            self._turns.leave(self._place)

    def _wait(self) -> bool:
        if not self._scheduler.all():
            self._turns.rest(self._place)
        with self._changed:
            self._changed.wait_for(lambda: self._scheduler.all() or self._closed)
            return bool(self._scheduler.all())

    def _end_aborted(self) -> None:
        with self._changed:
            aborted = [s for s in self._scheduler.all() if s.aborted.is_set()]
        for sequence in aborted:
            self._end(sequence)

    def _admit(self) -> None:
        while True:
            with self._changed:
                sequence = self._scheduler.next_waiting()
            if sequence is None:
                return
            try:
                if not self._worker.admit(sequence):
                    return
            except Exception as error:  # noqa: BLE001 -- no failure of one request may end the engine
                self._fail(sequence, error)
                continue
            with self._changed:
                self._scheduler.start(sequence)

    def _wait_for_change(self) -> None:
        """Something waits that cannot be admitted, and nothing runs that would make room."""
        self._turns.rest(self._place)
        with self._changed:
            self._changed.wait(_RETRY_S)

    def _run(self, plan: Plan) -> bool:
        """Compute a step; False if there was nothing to compute."""
        if not plan.sequences():
            return False
        with self._turns.step(self._place, plan.priority):
            began = time.perf_counter()
            failures = self._step(plan)
        with self._changed:
            self._counters.count_step(1e3 * (time.perf_counter() - began))
        for sequence, error in failures.items():
            self._fail(sequence, error)
        for sequence in plan.sequences():
            if sequence not in failures:
                self._tell(sequence)
        return True

    def _step(self, plan: Plan) -> dict[Sequence, Exception]:
        try:
            return self._worker.step(plan)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the thread must live on
            return dict.fromkeys(plan.sequences(), error)

    def _tell(self, sequence: Sequence) -> None:
        for generation in sequence.generations:
            for chunk in generation.take_chunks():
                _emit(sequence, chunk)
        if not sequence.prefilling and not sequence.live():
            self._end(sequence)

    def _end(self, sequence: Sequence) -> None:
        finished = sequence.finished(time.perf_counter())
        self._worker.release(sequence)
        with self._changed:
            self._scheduler.remove(sequence)
            self._counters.count(sequence.request.priority, finished)
        _emit(sequence, finished)

    def _fail(self, sequence: Sequence, error: Exception) -> None:
        self._worker.discard(sequence)
        with self._changed:
            self._scheduler.remove(sequence)
            self._counters.failed += 1
        _emit(sequence, as_failure(error))


def _emit(sequence: Sequence, event: Event | RuntimeFailure) -> None:
    try:
        sequence.emit(event)
    except Exception as error:  # noqa: BLE001 -- somebody else's code must not end the engine
        logger.error("a request's receiver failed: %s", type(error).__name__)
        sequence.aborted.set()
