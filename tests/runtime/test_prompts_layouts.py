"""Each layout's ids, and how little of them changes while one types."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from model_runtime.api import CompletionRequest, InvalidRequest, Layout
from model_runtime.families import CODE_LLAMA, Family, FimPieces, find_fim_ids
from model_runtime.prompts import MAX_TYPED_TOKENS, PromptRenderer
from model_runtime.tokenization import SentencePieceTokenizer, Tokenizer
from tests.runtime.bpe_tokenizers import END, bpe_tokenizer, standard_library
from tests.runtime.conftest import FIM_PIECES

QWEN = Family(
    name="qwen2.5-coder",
    fim=FimPieces("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", END),
    layouts=(Layout.PSM, Layout.FROZEN),
)
CONTEXT_LENGTH = 4096
FILE = standard_library()[-1]
TYPED = (
    "\n    def total(self, rows):\n        count = 0\n        for row in rows:\n"
    "            if row.kind == 'sum':\n                count += row.value\n"
    "            elif row.kind == 'mean':\n                count += row.value / len(rows)\n"
    "        return count\n\n    def describe(self):\n        lines = [self.title]\n"
    "        for name, value in self.items():\n            lines.append(f'{name}: {value}')\n"
    "        return '\\n'.join(lines)\n\n    def close(self):\n        self.file.close()\n"
    "        self.file = None\n        self.is_open = False\n"
)[:500]


def starter_renderer(folder: Path) -> PromptRenderer:
    return renderer(SentencePieceTokenizer(folder / "tokenizer.model", FIM_PIECES), CODE_LLAMA)


def renderer(tokenizer: Tokenizer, family: Family) -> PromptRenderer:
    fim = find_fim_ids(family, tokenizer.id_of, tokenizer.size)
    assert fim is not None
    return PromptRenderer(tokenizer, family, fim, frozenset({tokenizer.eos_id}), CONTEXT_LENGTH)


@pytest.fixture(
    scope="module",
    params=["starter-spm", "starter-frozen", "qwen2-spm", "qwen2-frozen", "starcoder2-frozen"],
)
def setting(
    request: pytest.FixtureRequest, starter_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PromptRenderer, Layout]:
    """Every layout in which typing only appends, with tokenizers of either kind."""
    name, layout = request.param.split("-")
    if name == "starter":
        return starter_renderer(starter_folder), Layout(layout)
    tokenizer = bpe_tokenizer(name, tmp_path_factory.getbasetemp())
    return renderer(tokenizer, replace(QWEN, layouts=(Layout(layout),))), Layout(layout)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> PromptRenderer:
    return renderer(bpe_tokenizer("qwen2", tmp_path_factory.getbasetemp()), QWEN)


def num_shared(a: list[int], b: list[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(b))


def prompts_while_typing(
    setting: tuple[PromptRenderer, Layout], before: str, typed: str, suffix: str
) -> list[list[int]]:
    renderer, layout = setting
    return [
        renderer.render(
            CompletionRequest(prompt=before + typed[:end], suffix=suffix, layout=layout)
        ).ids
        for end in range(len(typed) + 1)
    ]


def num_moves(prompts: list[list[int]], most_at_end: int) -> int:
    """How often more than the last tokens of the prompt before were lost."""
    pairs = itertools.pairwise(prompts)
    return sum(num_shared(new, old) < len(old) - most_at_end for old, new in pairs)


def test_the_frozen_prefix_ends_at_a_line_and_the_rest_follows_the_middle(
    qwen: PromptRenderer,
) -> None:
    prefix = "".join(f"line{n}\n" for n in range(20)) + "    cur"
    prompt = qwen.render(
        CompletionRequest(prompt=prefix, suffix="\nend\n", layout=Layout.FROZEN, heal=False)
    )
    encode = qwen.tokenizer.encode_continuation
    frozen = "".join(f"line{n}\n" for n in range(16))
    assert qwen.fim is not None
    assert prompt.ids == [
        *(qwen.fim.prefix, *encode(frozen)),
        *(qwen.fim.suffix, *encode("\nend\n")),
        *(qwen.fim.middle, *encode("line16\nline17\nline18\nline19\n    cur")),
    ]
    assert prompt.end_ids == {qwen.fim.end}


def test_a_family_without_bos_starts_with_its_marker(qwen: PromptRenderer) -> None:
    psm = qwen.render(CompletionRequest(prompt="a", suffix="b"))
    assert qwen.fim is not None
    encode = qwen.tokenizer.encode
    fim = qwen.fim
    assert psm.ids == [fim.prefix, *encode("a"), fim.suffix, *encode("b"), fim.middle]
    assert psm.healed == b""


def test_the_middle_that_has_begun_is_healed(qwen: PromptRenderer) -> None:
    prompt = qwen.render(CompletionRequest(prompt="x = fo", suffix="\n", layout=Layout.FROZEN))
    assert prompt.healed == b" fo"
    assert qwen.tokenizer.decode(prompt.ids[-2:]) == "x ="


def test_a_line_and_enter_change_only_the_end(setting: tuple[PromptRenderer, Layout]) -> None:
    line = "        total = self.compute(first, second) + offset[index]\n"
    at = FILE.index("\n", len(FILE) // 2) + 1
    at += FILE[at:].index("\n\n") + 1
    before = FILE[:at]
    before += "#\n" * (-before.count("\n") % 16)
    prompts = prompts_while_typing(setting, before, line, FILE[at:])
    assert len(line) == 60
    assert num_moves(prompts, most_at_end=8) == 0


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_typing_500_characters_in_one_place_moves_edges_at_most_twice(
    setting: tuple[PromptRenderer, Layout], share: float
) -> None:
    file = FILE * 2
    at = file.index("\n", int(share * len(file))) + 1
    prompts = prompts_while_typing(setting, file[:at], TYPED, file[at:])
    assert len(TYPED) == 500
    assert num_moves(prompts, most_at_end=16) <= 2


def test_windows_are_the_same_for_a_warm_up(setting: tuple[PromptRenderer, Layout]) -> None:
    renderer, layout = setting
    long = FILE * 3
    prompts = [
        renderer.render(
            CompletionRequest(prompt=long, suffix=FILE, layout=layout, max_tokens=max_tokens)
        )
        for max_tokens in (0, 1, 64, 128)
    ]
    assert all(prompt == prompts[0] for prompt in prompts)
    assert CONTEXT_LENGTH // 2 < len(prompts[0].ids) <= CONTEXT_LENGTH - 128


@pytest.mark.parametrize("line", ["x" * 5000, "f(1, 2, [3], 'four'), " * 400, "漢字" * 900])
def test_endless_lines_fit(setting: tuple[PromptRenderer, Layout], line: str) -> None:
    renderer, layout = setting
    prompt = renderer.render(CompletionRequest(prompt=line, suffix=line, layout=layout))
    assert len(prompt.ids) <= CONTEXT_LENGTH - 128


def test_what_is_typed_stays_short_beside_long_lines(qwen: PromptRenderer) -> None:
    prefix = "".join(f"values[{n}] = compute({n}, 'a name', other={n})\n" for n in range(47))
    prompt = qwen.render(CompletionRequest(prompt=prefix, suffix="", layout=Layout.FROZEN))
    assert qwen.fim is not None
    typed = prompt.ids[prompt.ids.index(qwen.fim.middle) + 1 :]
    assert MAX_TYPED_TOKENS // 4 < len(typed) <= MAX_TYPED_TOKENS
    assert prefix.endswith(qwen.tokenizer.decode(typed))


def test_a_layout_the_family_was_not_trained_on_is_refused(qwen: PromptRenderer) -> None:
    with pytest.raises(InvalidRequest, match="no layout"):
        qwen.check(CompletionRequest(prompt="a", suffix="b", layout=Layout.SPM))
