"""From a hole in a text to what an editor would be offered there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from lsp_server.cli.options import Lines
from lsp_server.cli.target import Hole
from lsp_server.confidence import TokenScore, mean_logprob, scores_of_chunk, shown_unasked
from lsp_server.context.request import completion_request
from lsp_server.context.windows import CursorContext, cursor_context
from lsp_server.postprocess import Rejected, fitted, worth_showing
from lsp_server.source_text import SourceText
from lsp_server.syntax.languages import grammar_name
from model_runtime.api import (
    Candidate,
    Chunk,
    CompletionRequest,
    Event,
    Finished,
    FinishReason,
    Layout,
    ModelInfo,
    Runtime,
    SamplingParams,
)


class Shown(StrEnum):
    """How much of a candidate an editor shows without being asked: what the model is sure of."""

    ALL = "all"
    BEGINNING = "beginning"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A hole, and how it should be filled."""

    hole: Hole
    lines: Lines = Lines.AUTO
    max_tokens: int = 64
    sampling: SamplingParams = field(default_factory=SamplingParams)
    layout: Layout = Layout.AUTO
    heal: bool = True
    num_candidates: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """A candidate for the hole.

    text: in the text's own line endings. num_replaced: characters behind the hole whose place it
    takes: brackets that it closes itself. mean_logprob: of the tokens that make it up; None when
    the runtime does not tell. first_drop: as in api.Candidate, of all that the model wrote.
    """

    text: str
    num_replaced: int = 0
    reason: FinishReason = FinishReason.STOP
    mean_logprob: float | None = None
    first_drop: int | None = None
    shown: Shown = Shown.ALL


@dataclass(frozen=True, slots=True)
class Answer:
    """The candidates, the first one the likeliest, and what they cost together."""

    fillings: tuple[Filling, ...]
    finished: Finished
    model: ModelInfo

    @property
    def best(self) -> Filling:
        return self.fillings[0]


@dataclass(slots=True)
class _Draft:
    """What a candidate has come to so far."""

    text: str = ""
    scores: list[TokenScore] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        self.scores += scores_of_chunk(len(self.text), chunk.text, chunk.logprobs)
        self.text += chunk.text


async def ask(runtime: Runtime, question: Question) -> Answer:
    """Ask as the language server does, and judge the answer as it does. Raises RuntimeFailure."""
    hole = question.hole
    source = SourceText.of(hole.text)
    context = cursor_context(source, hole.offset)
    model = await runtime.info()
    request = _request(question, context, model)
    drafts = [_Draft() for _ in range(question.num_candidates)]
    finished = await _collect(runtime.stream(request), drafts)
    ends = finished.candidates or tuple(Candidate(finished.reason) for _ in drafts)
    fillings = (
        _filling(question, draft, end, context, model)
        for draft, end in zip(drafts, ends, strict=False)
    )
    line_break = source.main_line_break()
    return Answer(
        tuple(replace(one, text=one.text.replace("\n", line_break)) for one in fillings),
        finished,
        model,
    )


def _request(question: Question, context: CursorContext, model: ModelInfo) -> CompletionRequest:
    request = replace(
        completion_request(context, model, max_tokens=question.max_tokens),
        sampling=question.sampling,
        layout=question.layout,
        heal=question.heal,
        num_candidates=question.num_candidates,
    )
    if question.lines is Lines.AUTO:
        return request
    return replace(request, stop=("\n",) if question.lines is Lines.SINGLE else ())


async def _collect(events: AsyncIterator[Event], drafts: list[_Draft]) -> Finished:
    try:
        async for event in events:
            if isinstance(event, Finished):
                return event
            drafts[event.index].add(event)
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()
    raise AssertionError("a stream without an end")


def _filling(
    question: Question, draft: _Draft, end: Candidate, context: CursorContext, model: ModelInfo
) -> Filling:
    raw = Filling(
        text=draft.text,
        reason=end.reason,
        mean_logprob=mean_logprob(draft.scores, len(draft.text)),
        first_drop=end.first_drop,
    )
    if question.lines is not Lines.AUTO:
        return raw
    cut_short = end.reason is FinishReason.LENGTH
    worth = worth_showing(draft.text, context, cut_short=cut_short)
    suggestion = worth if isinstance(worth, Rejected) else fitted(worth, context)
    if isinstance(worth, Rejected) or isinstance(suggestion, Rejected):
        return replace(raw, text="")
    return replace(
        raw,
        text=suggestion.text,
        num_replaced=suggestion.num_replaced,
        mean_logprob=mean_logprob(draft.scores, len(worth)),
        shown=_shown(worth, draft, model, question.hole.path),
    )


def _language(path: Path) -> str:
    return grammar_name("", path.name) or path.suffix.lower().removeprefix(".")


def _shown(text: str, draft: _Draft, model: ModelInfo, path: Path) -> Shown:
    sure = shown_unasked(text, draft.scores, model, _language(path))
    if sure == text:
        return Shown.ALL
    return Shown.BEGINNING if sure else Shown.NOTHING
