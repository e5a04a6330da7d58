"""How much of a prompt stays the same from one keystroke to the next: what the runtime need not
compute again.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from lsp_server.context.request import completion_request, warm_up_request
from lsp_server.context.windows import cursor_context, prefix_start, suffix_end
from lsp_server.source_text import SourceText
from model_runtime.api import Capability, ModelInfo
from model_runtime.config import read_config
from model_runtime.prompt_opening import open_renderer
from model_runtime.prompts import PromptRenderer
from tests.unit.test_context import LARGE, PARAGRAPH

MODEL = ModelInfo(
    id="fake",
    context_length=2048,
    capabilities=frozenset({Capability.COMPLETION, Capability.INFILLING}),
)
FEW_TOKENS = 12
TYPED = "    for name, value in sorted(items):\n        total += weigh(name) * value\n" * 7


@cache
def renderer(folder: Path) -> PromptRenderer:
    return open_renderer(folder, read_config(folder))


def prompt_ids(folder: Path, text: SourceText, offset: int) -> list[int]:
    request = completion_request(cursor_context(text, offset), MODEL, max_tokens=64)
    return renderer(folder).render(request).ids


def num_changed(before: list[int], after: list[int]) -> int:
    """How many of the tokens before are not there any more, counted from the first other one."""
    same = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    return 0 if same is None else len(before) - same


@pytest.mark.parametrize(
    "steps",
    [
        ["    total = sum‸", "    total = sum(‸)", "    total = sum(v‸)", "    total = sum(v)‸"],
        ["    print‸", "    print(‸)", '    print("‸")', '    print("{‸}")', '    print("{x‸}")'],
        ["    x = ‸", "    x = [‸]", "    x = [{‸}]", "    x = [{'‸'}]"],
        ["def f(‸):", "def f(a‸):", "def f(a, b=(‸)):"],
        ["    f(a‸, b)", "    f(a, ‸, b)", "    f(a, c‸, b)"],
        ["    return value‸", "    return value\n    ‸", "    return value\n    i‸"],
        ["    if value:‸", "    if value:\n        ‸", "    if value:\n        return ‸"],
        ["    x = f(‸);", "    x = f(g(‸));", "    x = f(g(y‸));"],
        ['    """‸"""', '    """Return‸"""', '    """Return.\n    ‸"""'],
        ["    a = 1‸   ", "    a = 10‸   "],
    ],
)
def test_typing_with_brackets_that_close_themselves_changes_only_the_end_of_the_prompt(
    steps: list[str], starter_folder: Path
) -> None:
    prompts = []
    for step in steps:
        before, _, after = step.partition("‸")
        text = SourceText.of(PARAGRAPH + before + after + "\n" + PARAGRAPH)
        prompts.append(prompt_ids(starter_folder, text, len(PARAGRAPH + before)))
    for one, other in pairwise(prompts):
        assert num_changed(one, other) <= FEW_TOKENS


@pytest.mark.parametrize("text", [PARAGRAPH, LARGE], ids=["small", "huge"])
@pytest.mark.parametrize("place", ["middle", "end"])
def test_typing_500_characters_moves_the_windows_at_most_twice(
    text: str, place: str, starter_folder: Path
) -> None:
    source = SourceText.of(text)
    middle = source.line_start(source.num_lines // 2)
    start = middle if place == "middle" else len(text)
    edges, prompts = [], []
    for num_typed in range(501):
        at = start + num_typed
        edges.append((prefix_start(source, at), len(source) - suffix_end(source, at)))
        prompts.append(prompt_ids(starter_folder, source, at))
        source = source.replaced(at, at, TYPED[num_typed])
    assert sum(one != other for one, other in pairwise(edges)) <= 2
    moves = [num_changed(one, other) > FEW_TOKENS for one, other in pairwise(prompts)]
    assert sum(moves) <= 2


@pytest.mark.parametrize("text", [PARAGRAPH, LARGE], ids=["small", "huge"])
def test_a_warm_up_computes_the_prompt_of_the_request_that_follows(
    text: str, starter_folder: Path
) -> None:
    render = renderer(starter_folder).render
    source = SourceText.of(text)
    for offset in range(0, len(text), len(text) // 50):
        context = cursor_context(source, offset)
        request = completion_request(context, MODEL, max_tokens=64)
        assert render(warm_up_request(context, MODEL)).ids == render(request).ids
