"""What the model is asked at a keystroke: the language server's own requests, as token ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.traces import Step
from lsp_server.context.request import completion_request, warm_up_request
from lsp_server.context.windows import cursor_context
from model_runtime.api import CompletionRequest, Layout, ModelInfo
from model_runtime.config import read_config
from model_runtime.prompt_opening import open_renderer
from model_runtime.prompts import PromptRenderer

DOCUMENT = "trace"
MAX_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Question:
    """A keystroke for engines that take token ids.

    number: of the typed character in the trace. own_ids: the prompt that Fimbria makes by itself,
    suffix first where the model has that order. psm_ids: prefix first. num_tokens: how long the
    answer is to be.
    """

    number: int
    own_ids: list[int]
    psm_ids: list[int]
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Asker:
    """Makes the requests of one model's language server."""

    renderer: PromptRenderer
    model: ModelInfo
    max_tokens: int = MAX_TOKENS

    def completion(self, step: Step) -> CompletionRequest:
        """Ask for ghost text behind a typed character, or where a change ends."""
        context = cursor_context(step.after, step.end)
        return completion_request(
            context, self.model, max_tokens=self.max_tokens, document=DOCUMENT
        )

    def warm_up(self, step: Step) -> CompletionRequest:
        """Have the prompt computed that a question at the same place would have."""
        context = cursor_context(step.after, step.end)
        return warm_up_request(context, self.model, document=DOCUMENT)

    def question(self, number: int, step: Step, num_tokens: int) -> Question:
        """The same as `completion`, for engines that take ids."""
        request = self.completion(step)
        own_ids = self.renderer.render(request).ids
        if Layout.PSM not in self.renderer.layouts:
            return Question(number, own_ids, own_ids, num_tokens)
        psm_ids = self.renderer.render(replace(request, layout=Layout.PSM)).ids
        return Question(number, own_ids, psm_ids, num_tokens)


def open_asker(folder: Path, max_tokens: int = MAX_TOKENS) -> Asker:
    """Read what a checkpoint folder says about its model; no weights."""
    config = read_config(folder)
    renderer = open_renderer(folder, config)
    model = ModelInfo(
        id=folder.name,
        context_length=renderer.context_length,
        capabilities=renderer.capabilities,
        layouts=renderer.layouts,
        single_line=config.habits.single_line,
    )
    return Asker(renderer, model, max_tokens)
