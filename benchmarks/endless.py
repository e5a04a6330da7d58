"""Answers of a given length, so that engines can be compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model_runtime.api import CompletionRequest
from model_runtime.prompts import Prompt


class EndlessRenderer:
    """A prompt renderer whose answers no token ends; everything else is the original's."""

    def __init__(self, renderer: Any) -> None:
        self._renderer = renderer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._renderer, name)

    def render(self, request: CompletionRequest) -> Prompt:
        prompt: Prompt = self._renderer.render(request)
        return replace(prompt, end_ids=frozenset())
