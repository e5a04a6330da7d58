"""The step loop: one thread owns the model and runs admit → place → prefill → decode → emit for one
request after another.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import torch

from model_runtime.api import (
    Chunk,
    CompletionRequest,
    Finished,
    FinishReason,
    ModelInfo,
    RuntimeUnavailable,
    Usage,
)
from model_runtime.failures import as_failure
from model_runtime.healing import ByteVocabulary
from model_runtime.kv_cache.slots import Slot, SlotIndex
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.model import LlamaModel
from model_runtime.prompts import Prompt, PromptRenderer
from model_runtime.sampling import Sampler
from model_runtime.sequence import Emit, EngineStats, Progress, RequestRecord, Sequence
from model_runtime.step import Row
from model_runtime.stopping import TextAssembler

# Between two chunks of a prefill the abort flag is checked.
PREFILL_CHUNK = 256
_NUM_RECENT = 64

Abort = Callable[[], None]


class Engine:
    """Runs requests on a loaded model. Its public methods may be called from any thread."""

    def __init__(
        self,
        model: LlamaModel,
        renderer: PromptRenderer,
        kv: KVTensors,
        slots: SlotIndex,
        info: ModelInfo,
    ) -> None:
        self.info = info
        self.renderer = renderer
        self._model = model
        self._kv = kv
        self._slots = slots
        self._vocabulary = ByteVocabulary(renderer.tokenizer.vocabulary)
        self._changed = threading.Condition()
        self._queue: deque[Sequence] = deque()
        self._running: Sequence | None = None
        self._closed = False
        self._num_requests = 0
        self._totals = Usage(0, 0, 0)
        self._recent: deque[RequestRecord] = deque(maxlen=_NUM_RECENT)
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def submit(self, request: CompletionRequest, emit: Emit) -> Abort:
        """Queue a request; a newer one aborts older ones of the same document.

        emit is called on the engine's thread with any number of chunks, then exactly one Finished
        or RuntimeFailure; it must not block. Returns a function that aborts the request within one
        step; it may be called at any time from any thread. Raises InvalidRequest,
        MissingCapability, RuntimeUnavailable.
        """
        self.renderer.check(request)
        sequence = Sequence(request, emit, time.perf_counter())
        with self._changed:
            if self._closed:
                raise RuntimeUnavailable("The engine has been closed.")
            self._supersede(request.document)
            self._queue.append(sequence)
            self._num_requests += 1
            self._changed.notify()
        return sequence.aborted.set

    def stats(self) -> EngineStats:
        """A snapshot of the counters."""
        with self._changed:
            return EngineStats(
                requests=self._num_requests,
                queued=len(self._queue),
                running=int(self._running is not None),
                prompt_tokens=self._totals.prompt_tokens,
                cached_tokens=self._totals.cached_tokens,
                completion_tokens=self._totals.completion_tokens,
                slots=self._slots.lens(),
                recent=tuple(self._recent),
            )

    def close(self) -> None:
        """Abort everything, end the thread. Every request still gets its last event. Idempotent."""
        with self._changed:
            self._closed = True
            for sequence in self._active():
                sequence.aborted.set()
            self._changed.notify()
        self._thread.join()

    def _active(self) -> list[Sequence]:
        return [*self._queue, *([self._running] if self._running else [])]

    def _supersede(self, document: str | None) -> None:
        for sequence in self._active():
            if document is not None and sequence.request.document == document:
                sequence.aborted.set()

    def _loop(self) -> None:
        while (sequence := self._admit()) is not None:
            self._serve(sequence)
            with self._changed:
                self._running = None

    def _admit(self) -> Sequence | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            self._running = self._queue.popleft() if self._queue else None
            return self._running

    def _serve(self, sequence: Sequence) -> None:
        progress = Progress(time.perf_counter())
        try:
            reason = self._run(sequence, progress)
        except Exception as error:  # noqa: BLE001 -- no failure of one request may end the engine
            sequence.emit(as_failure(error))
            return
        finished = Finished(
            reason, progress.usage(), progress.timings(sequence.submitted, time.perf_counter())
        )
        self._record(finished)
        sequence.emit(finished)

    def _record(self, finished: Finished) -> None:
        with self._changed:
            old, new = self._totals, finished.usage
            self._totals = Usage(
                old.prompt_tokens + new.prompt_tokens,
                old.cached_tokens + new.cached_tokens,
                old.completion_tokens + new.completion_tokens,
            )
            self._recent.append(RequestRecord(finished.reason, new, finished.timings))

    def _run(self, sequence: Sequence, progress: Progress) -> FinishReason:
        if sequence.aborted.is_set():
            return FinishReason.ABORTED
        prompt = self.renderer.render(sequence.request)
        placement = self._slots.place(prompt.ids)
        progress.prompt_len = len(prompt.ids)
        progress.cached_len = placement.cached_len
        slot = placement.slot
        try:
            if placement.donor is not None:
                self._kv.copy_prefix(placement.donor.index, slot.index, placement.cached_len)
            return self._generate(sequence, prompt, slot, progress)
        except BaseException:
            # The cache may hold half a copy or half a step: nothing in this slot can be trusted.
            self._slots.clear(slot)
            raise

    def _generate(
        self, sequence: Sequence, prompt: Prompt, slot: Slot, progress: Progress
    ) -> FinishReason:
        logits = self._prefill(sequence, prompt, slot)
        if logits is None:
            return FinishReason.ABORTED
        text = TextAssembler(sequence.request.stop, prompt.healed)
        sampler, unhealed = Sampler(sequence.request.sampling), prompt.healed
        max_tokens = sequence.request.max_tokens
        while True:
            token = sampler.sample(
                logits, self._vocabulary.compatible(unhealed) if unhealed else None
            )
            progress.num_generated += 1
            progress.first_token = progress.first_token or time.perf_counter()
            if token in prompt.end_ids:
                return _finish(sequence, text, FinishReason.STOP)
            piece = self.renderer.tokenizer.token_bytes(token)
            unhealed = unhealed[len(piece) :]
            _emit_text(sequence, text.push(piece))
            if text.stopped:
                return FinishReason.STOP
            if progress.num_generated >= max_tokens:
                return _finish(sequence, text, FinishReason.LENGTH)
            if sequence.aborted.is_set():
                return FinishReason.ABORTED
            logits = self._step(slot, [token])

    def _prefill(self, sequence: Sequence, prompt: Prompt, slot: Slot) -> torch.Tensor | None:
        """Logits after the prompt; None when aborted. What was computed until then stays in the
        slot.
        """
        logits = None
        while slot.len < len(prompt.ids):
            if sequence.aborted.is_set():
                return None
            logits = self._step(slot, prompt.ids[slot.len : slot.len + PREFILL_CHUNK])
        return logits

    def _step(self, slot: Slot, tokens: list[int]) -> torch.Tensor:
        logits = self._model.forward([Row(slot.index, slot.len, tokens)], self._kv)[0]
        self._slots.extend(slot, tokens)
        return logits


def _emit_text(sequence: Sequence, text: str) -> None:
    if text:
        sequence.emit(Chunk(text))


def _finish(sequence: Sequence, text: TextAssembler, reason: FinishReason) -> FinishReason:
    _emit_text(sequence, text.flush())
    return reason
