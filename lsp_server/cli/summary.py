"""What a daemon says of itself, in the form in which `fimbria status` shows it: counts, sizes and
times, never a text.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_runtime.api import FinishReason, Priority, RuntimeFailure
from model_runtime.models import model_name

if TYPE_CHECKING:
    from model_runtime.transport import Endpoint

SILENT = "does not answer"


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Half of the values, and all but a twentieth, are no larger than this."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class SlotSummary:
    """Tokens that a slot holds; `pinned`: a request is using it."""

    len: int
    pinned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSummary:
    """A finished request."""

    reason: str
    priority: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    draft_tokens: int
    accepted_tokens: int
    queue_ms: float
    prefill_ms: float
    decode_ms: float

    @property
    def first_token_ms(self) -> float:
        return self.queue_ms + self.prefill_ms

    @property
    def total_ms(self) -> float:
        return self.first_token_ms + self.decode_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSummary:
    """Totals since the daemon's start; percentiles and `recent` (newest last) of its last requests
    and steps.
    """

    requests: int
    running: int
    queued: int
    aborted: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    draft_tokens: int
    accepted_tokens: int
    steps: int
    step_ms: Percentiles | None
    queue_ms: Percentiles | None
    first_token_ms: Percentiles | None
    answer_ms: Percentiles | None
    slots: tuple[SlotSummary, ...]
    kv_bytes_used: int
    kv_bytes_total: int
    recent: tuple[RequestSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSummary:
    """A daemon's second model, which chats; `state` is `unloaded` until the first chat."""

    model: str
    state: str
    error: dict[str, Any] | None = None
    engine: EngineSummary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a daemon was started with, whatever came of it. Empty, 0 and `auto`: left open."""

    device: str
    dtype: str
    adapter: str
    context_length: int
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One daemon. What cannot be known of one that is silent, or still loading, is None; `asked`
    tells daemons of one model apart.
    """

    model: str
    folder: str
    state: str
    pid: int
    device: str
    dtype: str
    log: str
    socket: str
    asked: Asked
    memory_mib: int | None
    kernels: str | None = None
    family: str | None = None
    error: dict[str, Any] | None = None
    version: str | None = None
    uptime_s: float | None = None
    idle_s: float | None = None
    idle_timeout_s: float | None = None
    context_length: int | None = None
    engine: EngineSummary | None = None
    chat: ChatSummary | None = None

    def as_json(self) -> dict[str, Any]:
        """All of it in one flat object but for `asked` and `chat`; of a silent daemon too, with
        nulls.
        """
        flat = asdict(self)
        engine = flat.pop("engine")
        return flat | (engine or dict.fromkeys(EngineSummary.__dataclass_fields__))


def summary_of(endpoint: Endpoint, status: Mapping[str, Any]) -> Summary:
    """A daemon that has answered; `status` is its /v1/status."""
    model = status["model"] or {}
    details = model.get("fimbria", {})
    return Summary(
        model=model.get("id", model_name(Path(endpoint.model))),
        folder=endpoint.model,
        state=status["state"],
        error=status["error"],
        pid=status["pid"],
        version=status["version"],
        device=details.get("device", endpoint.device),
        dtype=details.get("dtype", endpoint.dtype),
        log=endpoint.log,
        socket=endpoint.path,
        asked=_asked(endpoint),
        memory_mib=_memory_mib(status["pid"]),
        kernels=details.get("kernels"),
        family=details.get("family"),
        uptime_s=round(time.time() - status["started_at"], 1),
        idle_s=round(status["idle_s"], 1),
        idle_timeout_s=status["idle_timeout_s"],
        context_length=details.get("context_length"),
        engine=engine_summary(status["engine"]) if status["engine"] else None,
        chat=_chat(status["chat"]) if status.get("chat") else None,
    )


def summary_of_silent(endpoint: Endpoint, failure: RuntimeFailure) -> Summary:
    """A daemon that accepts connections, but does not answer."""
    return Summary(
        model=model_name(Path(endpoint.model)),
        folder=endpoint.model,
        state=SILENT,
        error={"code": failure.code, "message": failure.message, "hint": failure.hint},
        pid=endpoint.pid,
        device=endpoint.device,
        dtype=endpoint.dtype,
        log=endpoint.log,
        socket=endpoint.path,
        asked=_asked(endpoint),
        memory_mib=_memory_mib(endpoint.pid),
    )


def engine_summary(stats: Mapping[str, Any]) -> EngineSummary:
    """The engine's part of /v1/status. What another version does not tell counts as 0."""
    recent = tuple(map(_request, stats.get("recent", ())))
    waited_for = [request for request in recent if request.priority != Priority.IDLE]
    answered = [one for one in waited_for if one.reason != FinishReason.ABORTED]
    counts = {name: stats.get(name, 0) for name in _COUNTS}
    return EngineSummary(
        **counts,
        step_ms=percentiles(stats.get("step_ms", ())),
        queue_ms=percentiles(request.queue_ms for request in waited_for),
        first_token_ms=percentiles(request.first_token_ms for request in answered),
        answer_ms=percentiles(request.total_ms for request in answered),
        slots=tuple(map(_slot, stats.get("slots", ()))),
        recent=recent,
    )


def percentiles(values: Iterable[float]) -> Percentiles | None:
    """By nearest rank; None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return Percentiles(_at(ordered, 0.5), _at(ordered, 0.95))


_COUNTS = (
    *("requests", "running", "queued", "aborted", "steps"),
    *("prompt_tokens", "cached_tokens", "completion_tokens", "draft_tokens", "accepted_tokens"),
    *("kv_bytes_used", "kv_bytes_total"),
)


def _asked(endpoint: Endpoint) -> Asked:
    return Asked(
        device=endpoint.device,
        dtype=endpoint.dtype,
        adapter=endpoint.adapter,
        context_length=endpoint.context_length,
        family=endpoint.family,
    )


def _chat(chat: Mapping[str, Any]) -> ChatSummary:
    model = chat["model"] or {}
    return ChatSummary(
        model=model.get("id", chat["name"]),
        state=chat["state"],
        error=chat["error"],
        engine=engine_summary(chat["engine"]) if chat["engine"] else None,
    )


def _at(ordered: Sequence[float], share: float) -> float:
    return round(ordered[math.ceil(share * len(ordered)) - 1], 3)


def _request(record: Mapping[str, Any]) -> RequestSummary:
    usage, timings = record["usage"], record["timings"]
    return RequestSummary(
        reason=record["reason"],
        priority=record.get("priority", Priority.COMPLETION),
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=usage["cached_tokens"],
        completion_tokens=usage["completion_tokens"],
        draft_tokens=usage.get("draft_tokens", 0),
        accepted_tokens=usage.get("accepted_tokens", 0),
        queue_ms=timings["queue_ms"],
        prefill_ms=timings["prefill_ms"],
        decode_ms=timings["decode_ms"],
    )


def _slot(slot: int | Mapping[str, Any]) -> SlotSummary:
    if isinstance(slot, int):  # an older daemon
        return SlotSummary(slot, pinned=False)
    return SlotSummary(slot["len"], slot["pinned"])


def _memory_mib(pid: int) -> int | None:
    """Resident memory of a process; None when it has just ended."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss) // 1024**2
    except psutil.Error:
        return None
