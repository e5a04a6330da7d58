"""From a cursor's context to what a model is asked: the one place that does it."""

from __future__ import annotations

from dataclasses import replace

from lsp_server.context.windows import CursorContext
from lsp_server.postprocess import stop_strings
from model_runtime.api import Capability, CompletionRequest, ModelInfo, Priority


def completion_request(
    context: CursorContext,
    model: ModelInfo,
    *,
    max_tokens: int,
    document: str | None = None,
    drafts: tuple[str, ...] = (),
) -> CompletionRequest:
    """Ask for what belongs at the cursor, infilling if the model can."""
    infills = Capability.INFILLING in model.capabilities
    return CompletionRequest(
        prompt=context.prefix,
        suffix=context.model_suffix if infills else None,
        max_tokens=max_tokens,
        stop=stop_strings(context, single_line=model.single_line),
        document=document,
        drafts=drafts,
    )


def warm_up_request(
    context: CursorContext, model: ModelInfo, *, document: str | None = None
) -> CompletionRequest:
    """Have the prompt computed that `completion_request` makes of the same context."""
    return idle(completion_request(context, model, max_tokens=0, document=document))


def idle(request: CompletionRequest) -> CompletionRequest:
    """Ask the same, but only if nobody else asks for anything."""
    return replace(request, priority=Priority.IDLE)
