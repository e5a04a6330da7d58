"""An answer as JSON, written by the daemon and read by its clients.

Format: OpenAI's completions and chat APIs, see wire.py. A streamed answer's last message has all
candidates' finish reasons, and usage and timings unless a message of their own was asked for.
Extensions: `logprobs` has `token_logprobs` only, in chats too, and comes unasked; `fimbria` in a
choice says how sure the model was; `timings_ms`. What drafts came to stands where OpenAI tells of
predicted outputs. Reading functions raise KeyError, TypeError or ValueError on what another version
may have written, except that newer members may be absent.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
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
class Form:
    """What tells the messages of one API from those of the other.

    whole, part: how a choice holds its text, in an answer in one piece and in a streamed one.
    opens: whether a streamed answer begins with the name of who speaks.
    """

    id_prefix: str
    whole_object: str
    part_object: str
    whole: Callable[[str], Json]
    part: Callable[[str], Json]
    opens: bool


COMPLETION = Form(
    id_prefix="cmpl-",
    whole_object="text_completion",
    part_object="text_completion",
    whole=lambda text: {"text": text},
    part=lambda text: {"text": text},
    opens=False,
)
CHAT = Form(
    id_prefix="chatcmpl-",
    whole_object="chat.completion",
    part_object="chat.completion.chunk",
    whole=lambda text: {"message": {"role": "assistant", "content": text, "refusal": None}},
    part=lambda text: {"delta": {"content": text} if text else {}},
    opens=True,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What all messages of one answer share. separate_usage: see request_body.Body."""

    model: str
    form: Form = COMPLETION
    separate_usage: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def opening(self, num_candidates: int) -> list[Json]:
        """The messages of a streamed answer before its first event."""
        if not self.form.opens:
            return []
        role = {"delta": {"role": "assistant", "content": ""}}
        choices = [_choice(index, role, ()) for index in range(num_candidates)]
        return [self._message(self.form.part_object, choices)]

    def messages(self, event: Event) -> list[Json]:
        """The messages of a streamed answer that say `event`."""
        message = self.chunk(event)
        if not self.separate_usage:
            return [message]
        if isinstance(event, Chunk):
            return [message | {"usage": None}]
        ends = self._message(self.form.part_object, message["choices"]) | {"usage": None}
        return [ends, self._message(self.form.part_object, []) | _totals(event)]

    def chunk(self, event: Event) -> Json:
        """A message of a streamed answer."""
        form = self.form
        if isinstance(event, Chunk):
            choice = _choice(event.index, form.part(event.text), event.logprobs)
            return self._message(form.part_object, [choice])
        choices = _ended_choices(form.part, (), event)
        return self._message(form.part_object, choices) | _totals(event)

    def whole(self, chunks: Sequence[Chunk], finished: Finished) -> Json:
        """An answer in one piece."""
        choices = _ended_choices(self.form.whole, chunks, finished)
        return self._message(self.form.whole_object, choices) | _totals(finished)

    def _message(self, kind: str, choices: list[Json]) -> Json:
        return {
            "id": self.form.id_prefix + self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def completion_from_json(message: Json) -> Completion:
    """An answer that came in one piece."""
    finished = _finished(message)
    texts = tuple(_text(choice) for choice in _choices(message))
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


def _ended_choices(
    hold: Callable[[str], Json], chunks: Sequence[Chunk], finished: Finished
) -> list[Json]:
    num_candidates = len(finished.candidates) or 1
    return [_ended_choice(index, hold, chunks, finished) for index in range(num_candidates)]


def _ended_choice(
    index: int, hold: Callable[[str], Json], chunks: Sequence[Chunk], finished: Finished
) -> Json:
    own = [chunk for chunk in chunks if chunk.index == index]
    logprobs = [logprob for chunk in own for logprob in chunk.logprobs]
    choice = _choice(index, hold("".join(chunk.text for chunk in own)), logprobs)
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


def _choice(index: int, text: Json, logprobs: Sequence[float]) -> Json:
    known = {"token_logprobs": [_json_number(logprob) for logprob in logprobs]}
    return {
        "index": index,
        **text,
        "finish_reason": None,
        "logprobs": known if logprobs else None,
    }


def _text(choice: Json) -> str:
    """A choice's text in any of the forms; a chat's opening has none."""
    if "text" in choice:
        return str(choice["text"])
    said = choice["message"] if "message" in choice else choice["delta"]
    return str(said.get("content") or "")


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
        text = _text(choice)
        if text or logprobs:
            yield Chunk(text, choice["index"], tuple(map(float, logprobs)))


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
