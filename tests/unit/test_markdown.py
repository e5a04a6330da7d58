"""Answers that load nothing when an editor draws them."""

from __future__ import annotations

import pytest

from lsp_server.markdown import fenced, without_images


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("See ![it](https://x/?secret).", "See [it](https://x/?secret)."),
        ("![a][b]\n\n[b]: https://x", "[a][b]\n\n[b]: https://x"),
        ("<img src='https://x'>", "&lt;img src='https://x'>"),
        ("<https://x`y>![a](u)`", "&lt;https://x`y>![a](u)`"),
        (r"\`![a](u)\`", r"\`[a](u)\`"),
        ("- ```\n  ![a](u)", "- ```\n  [a](u)"),
        ("- a\n  ```\n![a](u)", "- a\n  ```\n[a](u)"),
        ("```\n```\n![a](u)", "```\n```\n[a](u)"),
        ("~~~\n```\n~~~\n![a](u)", "~~~\n```\n~~~\n[a](u)"),
    ],
)
def test_pictures_become_links_and_tags_text(answer: str, shown: str) -> None:
    assert without_images(answer) == shown


@pytest.mark.parametrize(
    "answer",
    [
        "It is `#![allow]`, and ``a `![b]` c``, where a < b and 1 <2.",
        "```rust\n#![allow(x)]\nlet x: Vec<String>;\n```",
        "~~~html\n<img src='a'>\n~~~",
        "Wait! [really](https://x)",
    ],
)
def test_code_and_prose_stay_as_they_are(answer: str) -> None:
    assert without_images(answer) == answer


def test_a_fence_is_longer_than_those_in_the_code() -> None:
    assert fenced("a\n```\nb\n", "python") == "````python\na\n```\nb\n````"
