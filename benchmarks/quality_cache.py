"""Which weights of the cache language model suit a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor

from benchmarks.quality_answers import Answer, DirectAnswers, Ending
from benchmarks.quality_items import context_of
from model_runtime.api import CompletionRequest
from model_runtime.ngrams import CacheModel, CacheWeights, NgramIndex, mix
from model_runtime.prompts import Prompt, PromptRenderer
from training.evaluation.completer import Answer as Given
from training.evaluation.floors import lookup_rest_of_line
from training.evaluation.scoring import Score, Task, score
from training.evaluation.tasks import Item


class CacheMixer:
    """The cache language model over one prompt's tokens, as the engine mixes it in."""

    def __init__(self, index: NgramIndex, weights: CacheWeights) -> None:
        self._cache = CacheModel(index, weights)

    def mixed(
        self, logprobs: Tensor, generated: Sequence[int], allowed: Sequence[int] | None
    ) -> Tensor:
        """See `Mixer.mixed`."""
        choices = None if allowed is None else frozenset(allowed)
        cache = self._cache.distribution(generated, allowed=choices)
        if cache.weight == 0:
            return logprobs
        mixed = mix(logprobs.numpy().astype(np.float64), cache)
        return torch.from_numpy(mixed)


class Scope(StrEnum):
    """Which text the cache language model knows."""

    PROMPT = "prompt"
    """The tokens that the model sees."""
    DOCUMENT = "document"
    """All text of the request, also what the model's context has no room for."""


def index_of(
    scope: Scope, prompt: Prompt, request: CompletionRequest, renderer: PromptRenderer
) -> NgramIndex:
    """The n-grams of a request; markers continue nothing."""
    fim, tokenizer = renderer.fim, renderer.tokenizer
    markers = {fim.prefix, fim.suffix, fim.middle, fim.end} if fim else set[int]()
    control_ids = markers | prompt.end_ids | {tokenizer.bos_id}
    if scope is Scope.PROMPT:
        return NgramIndex(prompt.ids, control_ids=control_ids)
    before = request.prompt.encode()
    kept = before[: len(before) - len(prompt.healed)].decode()
    texts = [*(snippet.text for snippet in request.snippets), request.suffix or ""]
    # The marker keeps the texts apart.
    others = [i for text in texts for i in (*tokenizer.encode_continuation(text), tokenizer.bos_id)]
    return NgramIndex([*others, *tokenizer.encode_continuation(kept)], control_ids=control_ids)


def mixing(
    renderer: PromptRenderer, weights: CacheWeights
) -> Callable[[CompletionRequest], CacheMixer]:
    """Make the cache language model of a request, over all its text."""

    def mixer_for(request: CompletionRequest) -> CacheMixer:
        index = index_of(Scope.DOCUMENT, renderer.render(request), request, renderer)
        return CacheMixer(index, weights)

    return mixer_for


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to mix the cache in."""

    weights: CacheWeights
    scope: Scope


@dataclass(frozen=True, slots=True)
class Trial:
    """How one setting did."""

    setting: Setting
    score: Score


def try_settings(answers: DirectAnswers, task: Task, settings: Sequence[Setting]) -> list[Trial]:
    """Every setting on every item of the task, best exact match first. Item by item, so that what
    the model said once serves all settings.
    """
    given: dict[Setting, list[Given]] = {setting: [] for setting in settings}
    for item in task.items:
        answers.explorer.forget()
        for setting, answer in _tried(answers, item, task, settings):
            given[setting].append(Given(answer.text, answer.ending is Ending.MODEL))
    trials = [Trial(setting, score(task, found, execute=False)) for setting, found in given.items()]
    return sorted(trials, key=lambda t: (-t.score.exact_shown, -t.score.edit_similarity))


def _tried(
    answers: DirectAnswers, item: Item, task: Task, settings: Sequence[Setting]
) -> Iterator[tuple[Setting, Answer]]:
    context = context_of(item)
    request = CompletionRequest(
        prompt=context.prefix, suffix=context.suffix, max_tokens=task.max_tokens, stop=task.stop
    )
    prompt = answers.renderer.render(request)
    indexes = {scope: index_of(scope, prompt, request, answers.renderer) for scope in Scope}
    for setting in settings:
        mixer = CacheMixer(indexes[setting.scope], setting.weights)
        yield setting, answers.decode(prompt, request, mixer)


def looked_up(task: Task) -> Score:
    """The floor: the same items without a model."""
    texts = [lookup_rest_of_line(item.hole) for item in task.items]
    return score(task, [Given(text, ended=True) for text in texts], execute=False)
