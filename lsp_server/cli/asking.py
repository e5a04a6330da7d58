"""From a hole in a text to what an editor would be offered there."""

from __future__ import annotations

from dataclasses import dataclass, field

from lsp_server.cli.options import Lines
from lsp_server.cli.target import Hole
from lsp_server.context.windows import CursorContext, cursor_context
from lsp_server.postprocess import Rejected, Suggestion, postprocess, stop_strings
from lsp_server.source_text import SourceText
from model_runtime.api import (
    Capability,
    Completion,
    CompletionRequest,
    FinishReason,
    Layout,
    ModelInfo,
    Runtime,
    SamplingParams,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A hole, and how it should be filled."""

    hole: Hole
    lines: Lines = Lines.AUTO
    max_tokens: int = 64
    sampling: SamplingParams = field(default_factory=SamplingParams)
    layout: Layout = Layout.AUTO
    heal: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes into the hole, in the text's own line endings, and how many characters behind the
    hole it replaces: brackets that the answer closes itself.
    """

    text: str
    completion: Completion
    num_replaced: int = 0


async def ask(runtime: Runtime, question: Question) -> Answer:
    """Ask as the language server does, and take the answer as it does. Raises RuntimeFailure."""
    hole = question.hole
    source = SourceText.of(hole.text)
    context = cursor_context(source, hole.offset)
    model = await runtime.info()
    completion = await runtime.complete(_request(question, context, model))
    suggestion = _suggestion(question, completion, context)
    text = suggestion.text.replace("\n", source.main_line_break())
    return Answer(text, completion, suggestion.num_replaced)


def _request(question: Question, context: CursorContext, model: ModelInfo) -> CompletionRequest:
    infills = Capability.INFILLING in model.capabilities
    return CompletionRequest(
        prompt=context.prefix,
        suffix=context.suffix if infills else None,
        max_tokens=question.max_tokens,
        stop=_stop(question, context, model),
        sampling=question.sampling,
        layout=question.layout,
        heal=question.heal,
    )


def _stop(question: Question, context: CursorContext, model: ModelInfo) -> tuple[str, ...]:
    if question.lines is Lines.AUTO:
        return stop_strings(context, single_line=model.single_line)
    return ("\n",) if question.lines is Lines.SINGLE else ()


def _suggestion(question: Question, completion: Completion, context: CursorContext) -> Suggestion:
    if question.lines is not Lines.AUTO:
        return Suggestion(completion.text)
    cut_short = completion.finish_reason is FinishReason.LENGTH
    result = postprocess(completion.text, context, cut_short=cut_short)
    return Suggestion("") if isinstance(result, Rejected) else result
