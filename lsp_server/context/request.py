"""From a cursor's context to what a model is asked: the one place that does it."""

from __future__ import annotations

from dataclasses import replace

from lsp_server.context.snippets import Surroundings
from lsp_server.context.windows import CursorContext
from lsp_server.postprocess import stop_strings
from model_runtime.api import Capability, CompletionRequest, ModelInfo, OtherFiles, Priority

_ALONE = Surroundings()


def completion_request(
    context: CursorContext,
    model: ModelInfo,
    *,
    max_tokens: int,
    document: str | None = None,
    drafts: tuple[str, ...] = (),
    beside: Surroundings = _ALONE,
) -> CompletionRequest:
    """Ask for what belongs at the cursor, infilling if the model can. Of what is beside the
    document only that is sent which the model has a use for.
    """
    shows_files = model.other_files is OtherFiles.SHOWN
    infills = Capability.INFILLING in model.capabilities
    return CompletionRequest(
        prompt=context.prefix,
        suffix=context.model_suffix if infills else None,
        max_tokens=max_tokens,
        stop=stop_strings(context, single_line=model.single_line),
        document=document,
        drafts=drafts,
        snippets=() if model.other_files is OtherFiles.IGNORED else beside.snippets,
        path=beside.path if shows_files else "",
        repository=beside.repository if shows_files else "",
    )


def warm_up_request(
    context: CursorContext,
    model: ModelInfo,
    *,
    document: str | None = None,
    beside: Surroundings = _ALONE,
) -> CompletionRequest:
    """Have the prompt computed that `completion_request` makes of the same context."""
    return idle(completion_request(context, model, max_tokens=0, document=document, beside=beside))


def idle(request: CompletionRequest) -> CompletionRequest:
    """Ask the same, but only if nobody else asks for anything."""
    return replace(request, priority=Priority.IDLE)
