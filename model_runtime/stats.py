"""The engine's counters. Torch-free. Not thread-safe: the engine guards them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from model_runtime.api import Finished, FinishReason, Priority, Usage
from model_runtime.sequence import EngineStats, RequestRecord, SlotStats

_NUM_RECENT = 64
_NUM_STEPS = 256


@dataclass(frozen=True, slots=True)
class Memory:
    """What the KV cache holds, and the bytes it takes."""

    slots: tuple[SlotStats, ...]
    bytes_per_token: int
    capacity: int

    @property
    def bytes_used(self) -> int:
        return self.bytes_per_token * sum(slot.len for slot in self.slots)

    @property
    def bytes_total(self) -> int:
        return self.bytes_per_token * self.capacity * len(self.slots)


@dataclass(slots=True)
class Counters:
    """Totals since the start, and the last requests and steps."""

    requests: int = 0
    aborted: int = 0
    failed: int = 0
    steps: int = 0
    usage: Usage = field(default_factory=lambda: Usage(0, 0, 0))
    recent: deque[RequestRecord] = field(default_factory=lambda: deque(maxlen=_NUM_RECENT))
    step_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_NUM_STEPS))

    def count(self, priority: Priority, finished: Finished) -> None:
        """Add a request that has ended."""
        old, new = self.usage, finished.usage
        self.usage = Usage(
            old.prompt_tokens + new.prompt_tokens,
            old.cached_tokens + new.cached_tokens,
            old.completion_tokens + new.completion_tokens,
            old.draft_tokens + new.draft_tokens,
            old.accepted_tokens + new.accepted_tokens,
        )
        self.aborted += finished.reason is FinishReason.ABORTED
        self.recent.append(RequestRecord(finished.reason, new, finished.timings, priority))

    def count_step(self, ms: float) -> None:
        """Add a step."""
        self.steps += 1
        self.step_ms.append(ms)

    def snapshot(self, queued: int, running: int, memory: Memory) -> EngineStats:
        """The counters as they are now."""
        return EngineStats(
            requests=self.requests,
            queued=queued,
            running=running,
            aborted=self.aborted,
            failed=self.failed,
            prompt_tokens=self.usage.prompt_tokens,
            cached_tokens=self.usage.cached_tokens,
            completion_tokens=self.usage.completion_tokens,
            draft_tokens=self.usage.draft_tokens,
            accepted_tokens=self.usage.accepted_tokens,
            steps=self.steps,
            step_ms=tuple(self.step_ms),
            slots=memory.slots,
            kv_bytes_used=memory.bytes_used,
            kv_bytes_total=memory.bytes_total,
            recent=tuple(self.recent),
        )
