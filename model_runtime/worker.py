"""Owns the model and its cache: gives sequences their slots, and computes the steps that the
scheduler has planned. The engine's thread only.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from model_runtime.api import FinishReason, OutOfMemory, Priority
from model_runtime.failures import DeviceLost, memory_failure
from model_runtime.foresight import Lookahead
from model_runtime.generation import Generation, Vocabulary
from model_runtime.kv_cache.slots import Placement, SlotIndex
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.measuring import Pace
from model_runtime.prompts import Prompt
from model_runtime.scheduler import Plan
from model_runtime.sequence import Progress, Sequence, SlotStats
from model_runtime.stats import Memory
from model_runtime.step import CausalModel, Row

_LEAST_CHUNK = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Part:
    """One sequence's part of a step: the next ids of its prompt, or its last token with a draft."""

    sequence: Sequence
    generation: Generation
    ids: list[int]
    draft: list[int]
    num_logits: int

    def row(self) -> Row:
        slot = self.generation.slot
        return Row(slot.index, slot.len, [*self.ids, *self.draft], self.num_logits)


class Worker:
    """One model at work."""

    def __init__(
        self,
        model: CausalModel,
        kv: KVTensors,
        slots: SlotIndex,
        vocabulary: Vocabulary,
        lookahead: Lookahead,
        pace: Pace,
    ) -> None:
        self.most_rows = pace.most_rows
        self._model = model
        self._kv = kv
        self._slots = slots
        self._vocabulary = vocabulary
        self._lookahead = lookahead
        self._chunk = pace.prefill_chunk
        self._reserved: dict[Sequence, int] = {}

    @property
    def num_slots(self) -> int:
        return self._slots.num_slots

    def memory(self) -> Memory:
        """What the slots hold; may be called from any thread, and is then a moment's guess."""
        slots = tuple(SlotStats(length, pinned) for length, pinned in self._slots.occupancy())
        per_token = self._model.kv_shape.bytes_per_token(self._model.dtype)
        return Memory(slots, per_token, self._slots.capacity)

    def admit(self, sequence: Sequence) -> bool:
        """Render the prompt and find a slot; False when all are in use. Whatever raises leaves the
        sequence without one.
        """
        request = sequence.request
        if request.num_candidates > self._slots.num_slots:
            raise OutOfMemory(
                f"The memory left has room for {self._slots.num_slots} candidates at once.",
                "Ask for fewer, or close other programs.",
            )
        if self._num_to_give(request.priority) < request.num_candidates:
            return False
        started = time.perf_counter()
        prompt = self._vocabulary.renderer.render(request)
        placement = self._slots.place(prompt.ids, pin=True)
        if placement is None:
            return False
        sequence.prompt = prompt
        sequence.progress = Progress(started, len(prompt.ids), placement.cached_len)
        sequence.generations.append(self._generation(sequence, prompt, placement, 0))
        self._reserved[sequence] = request.num_candidates - 1
        return True

    def step(self, plan: Plan) -> dict[Sequence, Exception]:
        """Compute a step; returns the sequences that failed in it, and why. Raises DeviceLost when
        no further step is possible.
        """
        parts = self._parts(plan)
        failures: dict[Sequence, Exception] = {}
        for part, outcome in zip(parts, self._forward(parts), strict=True):
            try:
                if isinstance(outcome, Exception):
                    raise outcome
                self._apply(part, outcome)
            except Exception as error:  # noqa: BLE001 -- one sequence's failure is no other's
                failures[part.sequence] = error
        return failures

    def release(self, sequence: Sequence) -> None:
        """Let go of a sequence's slots; what they hold stays for others to use."""
        self._reserved.pop(sequence, None)
        for generation in sequence.generations:
            self._slots.release(generation.slot)

    def discard(self, sequence: Sequence) -> None:
        """Let go of a failed sequence: its slots may hold half a copy or half a step."""
        for generation in sequence.generations:
            self._slots.clear(generation.slot)
        self.release(sequence)

    def _parts(self, plan: Plan) -> list[_Part]:
        parts: list[_Part] = []
        for sequence in plan.decoding:
            for generation in sequence.live():
                parts.append(self._decode_part(sequence, generation, _num_tokens(parts)))
        if plan.prefilling is not None:
            parts.append(self._prefill_part(plan.prefilling, _num_tokens(parts)))
        return parts

    def _decode_part(self, sequence: Sequence, generation: Generation, batch_tokens: int) -> _Part:
        draft = _draft(generation, batch_tokens)
        return _Part(sequence, generation, generation.next_ids, draft, 1 + len(draft))

    def _prefill_part(self, sequence: Sequence, batch_tokens: int) -> _Part:
        generation, prompt = sequence.generations[0], sequence.prompt
        assert prompt is not None
        done = generation.slot.len
        ids = prompt.ids[done : done + self._chunk]
        if done + len(ids) < len(prompt.ids) or not sequence.request.max_tokens:
            return _Part(sequence, generation, ids, [], 0)
        draft = _draft(generation, batch_tokens + len(ids) - 1)
        return _Part(sequence, generation, ids, draft, 1 + len(draft))

    def _forward(self, parts: list[_Part]) -> list[Tensor | Exception]:
        """The logits of each part, or why there are none. When the step fails as a whole the parts
        are tried one by one, so that only the one to blame fails.
        """
        try:
            logits = self._model.forward([part.row() for part in parts], self._kv)
            return list(torch.split(logits, [part.num_logits for part in parts]))
        except Exception as error:  # noqa: BLE001 -- told to whom it concerns
            if not memory_failure(error) and len(parts) == 1:
                return [error]
            lacks_memory = memory_failure(error) is not None
        if lacks_memory:
            self._make_room()
        return [self._forward_alone(part) for part in parts]

    def _forward_alone(self, part: _Part) -> Tensor | Exception:
        """A part by itself; a long piece of a prompt in pieces as small as they are by now."""
        row = part.row()
        try:
            for first in range(0, len(row.ids) - row.num_logits, self._chunk):
                ids = row.ids[first : min(first + self._chunk, len(row.ids) - row.num_logits)]
                self._model.forward([Row(row.slot, row.start + first, ids, 0)], self._kv)
            done = max(0, len(row.ids) - row.num_logits)
            if not row.num_logits:
                return torch.empty(0)
            last = Row(row.slot, row.start + done, row.ids[done:], row.num_logits)
            return self._model.forward([last], self._kv).clone()
        except Exception as error:  # noqa: BLE001 -- told to whom it concerns
            return error

    def _make_room(self) -> None:
        """Give memory back: smaller steps from now on, and half of the slots, the least valuable
        first. That stays so until the daemon's end. Raises DeviceLost if not even that is possible.
        """
        self._chunk = max(_LEAST_CHUNK, self._chunk // 2)
        in_use = self._slots.num_slots - self._slots.num_free() + self._num_reserved()
        kept = self._slots.drop(max(1, in_use, self._slots.num_slots // 2))
        if kept is None or len(kept) == self._kv.num_slots:
            return
        try:
            self._kv.keep(kept)
        except Exception as error:
            raise DeviceLost(
                "The memory ran out while the KV cache was made smaller.",
                "The model daemon ends, and the next request starts another.",
            ) from error

    def _num_to_give(self, priority: Priority) -> int:
        """Slots for a request of this priority. The last free one is kept for somebody who types:
        a chat may hold its slot for long.
        """
        kept = int(priority is not Priority.COMPLETION and self._slots.num_slots > 1)
        return self._slots.num_free() - self._num_reserved() - kept

    def _num_reserved(self) -> int:
        """Slots that are free but promised to candidates to come."""
        return sum(self._reserved.values())

    def _apply(self, part: _Part, logits: Tensor) -> None:
        sequence, generation = part.sequence, part.generation
        assert sequence.prompt is not None
        self._slots.extend(generation.slot, [*part.ids, *part.draft])
        if not sequence.prefilling:
            self._choose(generation, logits, part.draft)
        elif generation.slot.len - len(part.draft) == len(sequence.prompt.ids):
            self._end_prefill(sequence, sequence.prompt, part, logits)

    def _end_prefill(self, sequence: Sequence, prompt: Prompt, part: _Part, logits: Tensor) -> None:
        sequence.prefilling = False
        self._reserved.pop(sequence, None)
        if not sequence.request.max_tokens:
            part.generation.reason = FinishReason.LENGTH
            return
        self._choose(part.generation, logits, part.draft)
        for index in range(1, sequence.request.num_candidates):
            self._branch(sequence, prompt, index, logits[:1])
        assert sequence.progress is not None
        sequence.progress.first_token = time.perf_counter()

    def _branch(self, sequence: Sequence, prompt: Prompt, index: int, logits: Tensor) -> None:
        """Start another candidate from the end of the prompt."""
        placement = self._slots.fork(sequence.generations[0].slot, len(prompt.ids))
        assert placement is not None, "admitting has reserved the slots"
        generation = self._generation(sequence, prompt, placement, index)
        sequence.generations.append(generation)
        self._choose(generation, logits, [])

    def _choose(self, generation: Generation, logits: Tensor, draft: list[int]) -> None:
        num_right = generation.take(logits, draft)
        self._slots.truncate(generation.slot, generation.slot.len - len(draft) + num_right)

    def _generation(
        self, sequence: Sequence, prompt: Prompt, placement: Placement, index: int
    ) -> Generation:
        """Begin a candidate in its slot. A slot that something fails for holds nothing and is
        nobody's: it may have half a copy.
        """
        try:
            self._copy(placement)
            foresight = self._lookahead.foresight(sequence.request, prompt, placement)
            return Generation(
                sequence.request, prompt, self._vocabulary, placement.slot, foresight, index
            )
        except Exception:
            self._slots.clear(placement.slot)
            self._slots.release(placement.slot)
            raise

    def _copy(self, placement: Placement) -> None:
        if placement.donor is not None:
            self._kv.copy_prefix(placement.donor.index, placement.slot.index, placement.cached_len)


def _num_tokens(parts: list[_Part]) -> int:
    return sum(len(part.ids) + len(part.draft) for part in parts)


def _draft(generation: Generation, batch_tokens: int) -> list[int]:
    """What to check; nothing if guessing fails, since an answer does not depend on it."""
    try:
        return generation.draft(batch_tokens)
    except Exception as error:  # noqa: BLE001 -- see above
        logger.error("guessing failed: %s", type(error).__name__)
        return []
