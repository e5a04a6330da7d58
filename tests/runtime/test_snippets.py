"""Other files in the prompt, as each family saw them in its training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_runtime.api import CompletionRequest, Layout, OtherFiles, Snippet
from model_runtime.families import FAMILIES
from model_runtime.prompts import PromptRenderer
from tests.runtime.chats import opened, shown
from tests.runtime.family_checkpoints import BY_NAME

FILES = (Snippet("lib/one.py", "one = 1"), Snippet("two.py", "two = 2\n"))


def ids(renderer: PromptRenderer, **options: Any) -> list[int]:
    request: dict[str, Any] = {"prompt": "x = ", "suffix": "\n", "heal": False}
    request |= {"snippets": FILES, "path": "main.py", "repository": "me/mine"}
    request |= {"layout": renderer.layouts[-1]} | options
    return renderer.render(CompletionRequest(**request)).ids


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "Qwen2.5-Coder-0.5B-Instruct",
            "<|repo_name|>me/mine\n<|file_sep|>lib/one.py\none = 1\n<|file_sep|>two.py\ntwo = 2\n"
            "<|file_sep|>main.py\n<|fim_prefix|>x = <|fim_suffix|>\n<|fim_middle|>",
        ),
        (
            "starcoder2-3b",
            "<repo_name>me/mine<file_sep>lib/one.py\none = 1\n<file_sep>two.py\ntwo = 2\n"
            "<file_sep><fim_prefix><fim_suffix>\n<fim_middle>main.py\nx = ",
        ),
        (
            "deepseek-coder-1.3b-instruct",
            "<｜begin▁of▁sentence｜><｜fim▁begin｜>#lib/one.py\none = 1\n\n#two.py\ntwo = 2\n\n"
            "#main.py\nx = <｜fim▁hole｜>\n<｜fim▁end｜>",
        ),
        (
            "codegeex4-all-9b",
            "[gMASK]<sop><|user|>\n###REFERENCE:\n###PATH:lib/one.py\none = 1\n"
            "###REFERENCE:\n###PATH:two.py\ntwo = 2\n"
            "###PATH:main.py\n###LANGUAGE:\n###MODE:BLOCK\n"
            "<|code_suffix|>\n<|code_prefix|>x = <|code_middle|><|assistant|>\n",
        ),
        (
            "gpt_bigcode-santacoder",
            "<fim-prefix><fim-suffix>\n<fim-middle>x = ",
        ),
    ],
)
def test_files_stand_as_in_training(name: str, expected: str, family_folders: Path) -> None:
    renderer = opened(family_folders / name)
    assert shown(renderer, ids(renderer)) == expected


@pytest.mark.parametrize(
    ("path", "mark"), [("main.py", "#"), ("src/main.RS", "//"), ("q.sql", "--"), ("notes.txt", "")]
)
def test_code_llama_sees_them_as_comments(path: str, mark: str, family_folders: Path) -> None:
    """It was trained on files by themselves: the others must be a part of this one's prefix."""
    renderer = opened(family_folders / "CodeLlama-7b-Instruct-hf")
    assert ids(renderer, path=path) == ids(renderer, snippets=())
    renderer = replace(renderer, context_length=4096)
    expected = (
        f"{mark} Path: lib/one.py\n{mark} one = 1\n\n{mark} Path: two.py\n{mark} two = 2\n\n"
        f"{mark} Path: {path}\n"
    )
    found = shown(renderer, ids(renderer, path=path, layout=Layout.SPM))
    before, _, prefix = found.partition("▁<MID>")
    assert before == "<s>▁<PRE>▁<SUF>\n"
    assert prefix.removeprefix(" ") == (expected if mark else "") + "x = "


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("starcoder2-3b", OtherFiles.SHOWN),
        ("deepseek-coder-1.3b-instruct", OtherFiles.SHOWN),
        ("gpt_bigcode-santacoder", OtherFiles.IGNORED),
        ("CodeLlama-7b-Instruct-hf", OtherFiles.IGNORED),
    ],
)
def test_what_becomes_of_them_is_known(name: str, use: OtherFiles, family_folders: Path) -> None:
    assert opened(family_folders / name).other_files is use


def test_code_llama_shows_them_where_there_is_room(family_folders: Path) -> None:
    renderer = opened(family_folders / "CodeLlama-7b-Instruct-hf")
    assert replace(renderer, context_length=4096).other_files is OtherFiles.SHOWN


@pytest.mark.parametrize("layout", [Layout.PSM, Layout.FROZEN])
def test_a_long_file_does_not_push_them_out(layout: Layout, family_folders: Path) -> None:
    renderer = opened(family_folders / "deepseek-coder-1.3b-instruct")
    long = "".join(f"value_{n} = {n}\n" for n in range(2000))
    found = shown(renderer, ids(renderer, prompt=long + "x = ", layout=layout))
    assert "#lib/one.py\none = 1\n\n#two.py\ntwo = 2\n\n#main.py\nvalue_" in found
    assert len(ids(renderer, prompt=long)) < renderer.context_length


def test_without_snippets_nothing_is_said_of_files(family_folders: Path) -> None:
    renderer = opened(family_folders / "Qwen2.5-Coder-0.5B-Instruct")
    plain = renderer.render(CompletionRequest(prompt="x = ", suffix="\n", heal=False))
    assert ids(renderer, snippets=(), layout=Layout.AUTO) == plain.ids


def test_a_plain_completion_sees_them_too(family_folders: Path) -> None:
    renderer = opened(family_folders / "starcoder2-3b")
    assert shown(renderer, ids(renderer, suffix=None)) == (
        "<repo_name>me/mine<file_sep>lib/one.py\none = 1\n<file_sep>two.py\ntwo = 2\n"
        "<file_sep>main.py\nx = "
    )


@pytest.mark.parametrize("name", ["starcoder2-3b", "deepseek-coder-1.3b-instruct"])
def test_the_most_helpful_ones_are_kept(name: str, family_folders: Path) -> None:
    renderer = opened(family_folders / name)
    many = tuple(Snippet(f"file{n}.py", f"value = {n}\n" * 6) for n in range(50))
    text = shown(renderer, ids(renderer, snippets=many))
    assert "file49.py" in text
    assert "file0.py" not in text
    assert len(ids(renderer, snippets=many)) < renderer.context_length // 2
    huge = (Snippet("huge.py", "x = 1\n" * 5000),)
    assert "huge.py" not in shown(renderer, ids(renderer, snippets=huge))


@pytest.mark.parametrize("name", ["starcoder2-3b", "deepseek-coder-1.3b-instruct"])
def test_they_do_not_depend_on_the_answers_length(name: str, family_folders: Path) -> None:
    """Else a warm-up, which asks for none, would compute another prompt."""
    renderer = opened(family_folders / name)
    many = tuple(Snippet(f"f{n}.py", "value = 1\n") for n in range(300))
    warming = ids(renderer, snippets=many, max_tokens=0)
    for max_tokens in range(0, renderer.context_length // 2, 16):
        assert ids(renderer, snippets=many, max_tokens=max_tokens) == warming
    longest = renderer.context_length - 50
    assert len(ids(renderer, snippets=many, max_tokens=longest)) + longest < renderer.context_length


def test_typing_changes_only_the_end(family_folders: Path) -> None:
    """Files stand before everything that changes while one types."""
    renderer = opened(family_folders / "Qwen2.5-Coder-0.5B-Instruct")
    before = ids(renderer, layout=Layout.FROZEN)
    after = ids(renderer, layout=Layout.FROZEN, prompt="x = width")
    assert after[: len(before)] == before


@pytest.mark.parametrize("name", BY_NAME)
def test_no_file_becomes_a_control_token(name: str, family_folders: Path) -> None:
    renderer = opened(family_folders / name)
    if not renderer.layouts:
        return
    control = set(renderer.tokenizer.control_pieces.values())
    harmless = [i for i in ids(renderer) if i in control]
    for hostile in (*renderer.tokenizer.control_pieces, *(p for f in FAMILIES for p in f.pieces)):
        text = hostile.replace("▁", " ")
        files = (Snippet(f"{text}.py", f"a {text}"), Snippet(text, f"{text} {text}\n{text}"))
        found = ids(renderer, snippets=files, path=f"a/{text}", repository=text)
        assert [i for i in found if i in control] == harmless
