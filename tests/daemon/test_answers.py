"""Answers survive the way from daemon to client."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import wire
from model_runtime.answers import (
    CHAT,
    COMPLETION,
    Form,
    Reply,
    completion_from_json,
    events_from_json,
)
from model_runtime.api import Candidate, Chunk, Completion, Event, Finished, FinishReason
from tests.daemon import strategies
from tests.daemon.fakes import TIMINGS, USAGE


def transmitted(message: wire.Json) -> wire.Json:
    """What a client reads of a message; strict about JSON, which knows no infinity."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    read: wire.Json = json.loads(wire.encode(message), parse_constant=refuse)
    return read


FORMS = pytest.mark.parametrize("form", [COMPLETION, CHAT], ids=["completion", "chat"])


@FORMS
@given(event=strategies.events)
def test_an_event_arrives_as_it_was_sent(form: Form, event: Event) -> None:
    assert events_from_json(transmitted(Reply("m", form).chunk(event))) == [event]


@FORMS
@given(chunks=st.lists(strategies.chunks), finished=strategies.finished())
def test_a_whole_answer_has_every_candidates_text(
    form: Form, chunks: Sequence[Chunk], finished: Finished
) -> None:
    num_candidates = max(1, len(finished.candidates))
    texts = tuple(
        "".join(chunk.text for chunk in chunks if chunk.index == index)
        for index in range(num_candidates)
    )
    assert completion_from_json(
        transmitted(Reply("m", form).whole(chunks, finished))
    ) == Completion(
        text=texts[0],
        model="m",
        finish_reason=finished.reason,
        usage=finished.usage,
        timings=finished.timings,
        texts=texts,
        candidates=finished.candidates,
    )


@pytest.mark.parametrize("text", ["a\nb\r\n", "\u2028\x0c\x85", "😀"])
def test_an_event_is_one_line_whatever_its_text(text: str) -> None:
    line, end = wire.sse(Reply("m").chunk(Chunk(text))).split(b"\n", 1)
    assert end == b"\n"
    assert events_from_json(json.loads(line.removeprefix(b"data: "))) == [Chunk(text)]


def test_log_probabilities_stand_where_openai_has_them() -> None:
    [choice] = Reply("m").chunk(Chunk("a", index=2, logprobs=(-0.5, -1.0)))["choices"]
    assert choice["index"] == 2
    assert choice["logprobs"] == {"token_logprobs": [-0.5, -1.0]}
    [choice] = Reply("m").chunk(Chunk("a"))["choices"]
    assert choice["logprobs"] is None


def test_checked_drafts_stand_where_openai_has_predictions() -> None:
    usage = Reply("m").whole((), Finished(FinishReason.STOP, USAGE, TIMINGS))["usage"]
    assert usage["completion_tokens_details"] == {
        "accepted_prediction_tokens": 1,
        "rejected_prediction_tokens": 2,
    }


def test_the_last_message_ends_every_candidate() -> None:
    ends = (Candidate(FinishReason.STOP, -0.25, 7), Candidate(FinishReason.LENGTH, -1.5))
    message = Reply("m").chunk(Finished(FinishReason.STOP, USAGE, TIMINGS, ends))
    assert [choice["finish_reason"] for choice in message["choices"]] == ["stop", "length"]
    assert [choice["fimbria"] for choice in message["choices"]] == [
        {"mean_logprob": -0.25, "first_drop": 7},
        {"mean_logprob": -1.5, "first_drop": None},
    ]


def test_an_impossible_token_is_still_json() -> None:
    message = transmitted(Reply("m").chunk(Chunk("a", logprobs=(float("-inf"),))))
    assert events_from_json(message) == [Chunk("a", logprobs=(-9999.0,))]


def test_an_older_daemons_answer_can_be_read() -> None:
    message = Reply("m").whole([Chunk("text")], Finished(FinishReason.STOP, USAGE, TIMINGS))
    del message["usage"]["completion_tokens_details"], message["choices"][0]["logprobs"]
    completion = completion_from_json(message)
    assert completion.texts == ("text",)
    assert (completion.usage.draft_tokens, completion.usage.accepted_tokens) == (0, 0)


def test_a_chat_begins_with_who_speaks_and_that_is_no_event() -> None:
    [opening] = Reply("m", CHAT).opening(2)
    assert [choice["delta"] for choice in opening["choices"]] == 2 * [
        {"role": "assistant", "content": ""}
    ]
    assert opening["object"] == "chat.completion.chunk"
    assert events_from_json(transmitted(opening)) == []
    assert Reply("m").opening(2) == []


@FORMS
def test_counts_come_in_a_message_of_their_own_if_asked_for(form: Form) -> None:
    """Clients that add up what they get would count twice otherwise."""
    reply = Reply("m", form, separate_usage=True)
    [piece] = reply.messages(Chunk("a"))
    ends, counts = reply.messages(Finished(FinishReason.STOP, USAGE, TIMINGS))
    assert piece["usage"] is None
    assert (ends["usage"], ends["choices"][0]["finish_reason"]) == (None, "stop")
    assert counts["choices"] == []
    assert counts["usage"]["total_tokens"] == 12
