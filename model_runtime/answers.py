"""A completion's answer as JSON, written by the daemon and read by its clients.

Format: OpenAI's completions API, see wire.py. A streamed answer's last message has all candidates'
finish reasons, usage and timings. Extensions: `logprobs` has `token_logprobs` only, and comes
unasked; `fimbria` in a choice says how sure the model was; `timings_ms`. What drafts came to stands
where OpenAI tells of predicted outputs. Reading functions raise KeyError, TypeError or ValueError
on what another version may have written, except that newer members may be absent.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from model_runtime.api import (
    Candidate,
    Chunk,
    Completion,
    Event,
    Finished,
    FinishReason,
    Timings,
    Usage,
)
from model_runtime.wire import Json, failure_from_json

_IMPOSSIBLE = -9999.0
"""JSON has no infinity; this is what OpenAI writes for a token of no probability at all."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What all messages of one answer share."""

    model: str
    id: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def chunk(self, event: Event) -> Json:
        """A message of a streamed answer."""
        if isinstance(event, Chunk):
            return self._message([_choice(event.index, event.text, event.logprobs)])
        return self.whole((), event)

    def whole(self, chunks: Sequence[Chunk], finished: Finished) -> Json:
        """An answer in one piece."""
        ends = finished.candidates or (None,)
        choices = [_whole_choice(index, chunks, finished) for index in range(len(ends))]
        return self._message(choices) | _totals(finished)

    def _message(self, choices: list[Json]) -> Json:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def completion_from_json(message: Json) -> Completion:
    """An answer that came in one piece."""
    finished = _finished(message)
    texts = tuple(choice["text"] for choice in _choices(message))
    return Completion(
        text=texts[0],
        model=message["model"],
        finish_reason=finished.reason,
        usage=finished.usage,
        timings=finished.timings,
        texts=texts,
        candidates=finished.candidates,
    )


def events_from_json(message: Json) -> list[Event]:
    """The events in one message of a streamed answer. Raises the RuntimeFailure that it may carry
    instead.
    """
    if "error" in message:
        raise failure_from_json(message["error"])
    choices = _choices(message)
    events: list[Event] = list(_chunks(choices))
    if choices and choices[0]["finish_reason"]:
        events.append(_finished(message))
    return events


def _whole_choice(index: int, chunks: Sequence[Chunk], finished: Finished) -> Json:
    own = [chunk for chunk in chunks if chunk.index == index]
    logprobs = [logprob for chunk in own for logprob in chunk.logprobs]
    choice = _choice(index, "".join(chunk.text for chunk in own), logprobs)
    if not finished.candidates:
        return choice | {"finish_reason": finished.reason.value}
    candidate = finished.candidates[index]
    return choice | {
        "finish_reason": candidate.reason.value,
        "fimbria": {
            "mean_logprob": _json_number(candidate.mean_logprob),
            "first_drop": candidate.first_drop,
        },
    }


def _choice(index: int, text: str, logprobs: Sequence[float]) -> Json:
    known = {"token_logprobs": [_json_number(logprob) for logprob in logprobs]}
    return {
        "index": index,
        "text": text,
        "finish_reason": None,
        "logprobs": known if logprobs else None,
    }


def _json_number(logprob: float) -> float:
    return logprob if math.isfinite(logprob) else _IMPOSSIBLE


def _totals(finished: Finished) -> Json:
    usage, timings = finished.usage, finished.timings
    return {
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
            "completion_tokens_details": {
                "accepted_prediction_tokens": usage.accepted_tokens,
                "rejected_prediction_tokens": usage.draft_tokens - usage.accepted_tokens,
            },
        },
        "timings_ms": {
            "queue": timings.queue_ms,
            "prefill": timings.prefill_ms,
            "decode": timings.decode_ms,
            "total": timings.total_ms,
        },
    }


def _choices(message: Json) -> list[Json]:
    return sorted(message["choices"], key=lambda choice: int(choice["index"]))


def _chunks(choices: Sequence[Json]) -> Iterable[Chunk]:
    for choice in choices:
        logprobs = (choice.get("logprobs") or {}).get("token_logprobs") or ()
        if choice["text"] or logprobs:
            yield Chunk(choice["text"], choice["index"], tuple(map(float, logprobs)))


def _finished(message: Json) -> Finished:
    choices, timings = _choices(message), message["timings_ms"]
    return Finished(
        reason=FinishReason(choices[0]["finish_reason"]),
        usage=_usage(message["usage"]),
        timings=Timings(
            queue_ms=timings["queue"], prefill_ms=timings["prefill"], decode_ms=timings["decode"]
        ),
        candidates=tuple(_candidate(choice) for choice in choices if "fimbria" in choice),
    )


def _candidate(choice: Json) -> Candidate:
    sureness = choice["fimbria"]
    return Candidate(
        reason=FinishReason(choice["finish_reason"]),
        mean_logprob=float(sureness["mean_logprob"]),
        first_drop=sureness["first_drop"],
    )


def _usage(usage: Json) -> Usage:
    checked = usage.get("completion_tokens_details") or {}
    accepted = checked.get("accepted_prediction_tokens", 0)
    return Usage(
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=usage["prompt_tokens_details"]["cached_tokens"],
        completion_tokens=usage["completion_tokens"],
        draft_tokens=accepted + checked.get("rejected_prediction_tokens", 0),
        accepted_tokens=accepted,
    )
