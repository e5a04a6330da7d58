"""Code blocks of answers, and where they go in a document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.actions.checks import Refused
from lsp_server.chat.applying import Changes, inserted, merged, replaced
from lsp_server.chat.code_blocks import CodeBlock, code_blocks
from lsp_server.documents import Document
from lsp_server.edits import apply_changes

CURSOR = "‸"


def blocks(markdown: str) -> list[tuple[str, str]]:
    return [(block.language, block.code) for block in code_blocks(markdown)]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("No code, `inline` only.", []),
        ("```python\nx = 1\n```", [("python", "x = 1\n")]),
        ("```Python title=a.py\nx\n```\n\n```\ny\n```", [("python", "x\n"), ("", "y\n")]),
        ("~~~ js\n```\n~~~", [("js", "```\n")]),
        ("````md\n```\nx\n```\n````", [("md", "```\nx\n```\n")]),
        ("```python\nx = 1\n", [("python", "x = 1\n")]),
        ("```python", [("python", "")]),
        (
            "1. Do:\n   ```py\n   if x:\n       y\n\n   z\n   ```\n2.",
            [("py", "if x:\n    y\n\nz\n")],
        ),
        ("```c\r\nint x;\r\n```\r\n", [("c", "int x;\n")]),
        ("``` not a `fence` ```\nx", []),
        ("```{.python}\nx\n```", [("python", "x\n")]),
        ("```\n  ```\n", [("", "")]),
        ("```python\nx\n```python\ny\n```", [("python", "x\n```python\ny\n")]),
    ],
)
def test_blocks_are_found(markdown: str, expected: list[tuple[str, str]]) -> None:
    assert blocks(markdown) == expected


def test_a_block_that_was_cut_off_says_so() -> None:
    closed, cut = code_blocks("```\na\n```\n```\nb")
    assert (closed.is_closed, cut.is_closed) == (True, False)


@given(st.lists(st.text("ab` ~\n\r", max_size=20), max_size=4))
def test_any_text_can_be_read(parts: list[str]) -> None:
    for block in code_blocks("```".join(parts)):
        assert block.code == "" or block.code.endswith("\n")
        assert "\r\n" not in block.code


@given(st.text("ab \n\t:", min_size=1, max_size=40))
def test_code_comes_out_as_it_went_in(code: str) -> None:
    whole = code if code.endswith("\n") else code + "\n"
    assert blocks(f"Look:\n\n```x\n{whole}```\nSo.") == [("x", whole)]


def python(text: str) -> Document:
    return Document.of("file:///a.py", "python", 1, text)


def result(document: Document, changes: Changes) -> str:
    assert not isinstance(changes, Refused), changes
    return apply_changes(str(document.text), changes)


def insert(fixture: str, code: str) -> str:
    before, _, after = fixture.partition(CURSOR)
    document = python(before + after)
    return result(document, inserted(code, document, len(before)))


@pytest.mark.parametrize(
    ("fixture", "code", "expected"),
    [
        ("‸", "x = 1\n", "x = 1"),
        ("a\n‸\nb\n", "x = 1\n", "a\nx = 1\nb\n"),
        ("def f():\n    ‸\n", "if x:\n  y()\n", "def f():\n    if x:\n      y()\n"),
        (
            "def f():\r\n\tx\r\n\t‸\r\n",
            "if x:\n    y()\n",
            "def f():\r\n\tx\r\n\tif x:\r\n\t\ty()\r\n",
        ),
        ("y = f(‸)\n", "x + 1\n", "y = f(x + 1)\n"),
        (
            "def f():‸\n    return 1\n",
            "a = 1\nb = 2\n",
            "def f():\n    a = 1\n    b = 2\n    return 1\n",
        ),
        ("class A:\n    x = 1‸\n", "a\nb\n", "class A:\n    x = 1\n    a\n    b\n"),
        ("‸def f(): ...\n", "import os\nimport re\n", "import os\nimport re\ndef f(): ...\n"),
        ("x = 1‸", "a\nb\n", "x = 1\na\nb"),
        ("😋 = 1\n    ‸\n", "a\n", "😋 = 1\n    a\n"),
    ],
)
def test_inserting_at_the_cursor(fixture: str, code: str, expected: str) -> None:
    assert insert(fixture, code) == expected


def replace(fixture: str, code: str) -> str | Refused:
    before, inside, after = fixture.split(CURSOR)
    document = python(before + inside + after)
    changes = replaced(code, document, len(before), len(before + inside))
    return changes if isinstance(changes, Refused) else result(document, changes)


@pytest.mark.parametrize(
    ("fixture", "code", "expected"),
    [
        ("y = ‸a‸ + 1\n", "b\n", "y = b + 1\n"),
        ("‸x = 1\n‸y = 2\n", "x = 3\n", "x = 3\ny = 2\n"),
        (
            "class A:\r\n‸    def f(self):\r\n        return 1‸\r\n",
            "def f(self):\n    return 2\n",
            "class A:\r\n    def f(self):\r\n        return 2\r\n",
        ),
        ("def f():\n    ‸x = 1‸\n", "if y:\n    x = 2\n", "def f():\n    if y:\n        x = 2\n"),
    ],
)
def test_replacing_a_range(fixture: str, code: str, expected: str) -> None:
    assert replace(fixture, code) == expected


def test_replacing_is_refused_where_it_would_break_the_file() -> None:
    refused = replace("def f():\n    ‸return 1\n‸", "return (1\n")
    assert isinstance(refused, Refused)
    assert "parse" in refused.reason


FILE = (
    "import os\n\n\ndef one():\n    return 1\n\n\nclass Two:\n    def three(self):\n"
    "        return 3\n\n    def four(self):\n        return 4\n"
)


def merge(code: str, language: str = "python", text: str = FILE) -> str | Refused:
    document = python(text)
    changes = merged(CodeBlock(language, code, is_closed=True), document)
    return changes if isinstance(changes, Refused) else result(document, changes)


def test_definitions_go_where_those_of_the_same_names_are() -> None:
    assert merge("def one():\n    return 11\n") == FILE.replace("return 1\n", "return 11\n")
    assert merge("def four(self):\n    return 44\n") == FILE.replace("return 4", "return 44")
    both = "import os\n\ndef one():\n    return 11\n\ndef three(self):\n    return 33\n"
    assert merge(both) == FILE.replace("return 1\n", "return 11\n").replace("return 3", "return 33")


def test_a_definition_keeps_tabs_and_line_ends() -> None:
    text = FILE.replace("    ", "\t").replace("\n", "\r\n")
    expected = text.replace("return 4", "return 44")
    assert merge("def four(self):\n    return 44\n", text=text) == expected


def test_a_whole_file_goes_in_the_place_of_the_file() -> None:
    new = FILE.replace("import os", "import re").replace("return 4", "return 44")
    assert merge(new) == new


DIFF = """--- a/a.py
+++ b/a.py
@@ -7,3 +8,4 @@ class Two:
     def three(self):
-        return 3
+        x = 3
+        return x

     def four(self):
"""


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_a_diff_goes_where_its_lines_are_whatever_it_says_about_them(line_break: str) -> None:
    text = FILE.replace("\n", line_break)
    expected = text.replace("return 3", f"x = 3{line_break}        return x")
    for diff in (DIFF, DIFF.replace("-7,3 +8,4 ", ""), DIFF.replace("-7", "-70")):
        assert merge(diff, "diff", text) == expected


@pytest.mark.parametrize(
    ("code", "language", "reason"),
    [
        ("x = 1\ny = 2\n", "python", "not clear"),
        ("def five():\n    pass\n", "python", "not clear"),
        ("import sys\n\ndef one():\n    return 11\n", "python", "not clear"),
        ("def one():\n    return (\n", "python", "not clear"),
        ("def one():\n    return 1\n", "python", "leave it as it is"),
        ("@@ -1 +1 @@\n-import sys\n+import re\n", "diff", "does not fit"),
        ("@@ -1 +1 @@\n import os\n", "diff", "changes nothing"),
        ("@@ -4 +4 @@\n-    return 1\n+    return (\n", "diff", "parse"),
    ],
)
def test_what_has_no_clear_place_is_refused(code: str, language: str, reason: str) -> None:
    refused = merge(code, language)
    assert isinstance(refused, Refused)
    assert reason in refused.reason


def test_a_name_that_is_there_twice_has_no_clear_place() -> None:
    text = "class A:\n    def f(self): ...\n\nclass B:\n    def f(self): ...\n"
    assert isinstance(merge("def f(self):\n    return 1\n", text=text), Refused)


CODE = st.lists(
    st.sampled_from(["x = 1", "def f():", "    y", "\tz", "", "😋 = ')'", "@@ -1 +1 @@", "-x"])
)
TEXTS = st.builds(lambda lines, end: end.join(lines), CODE, st.sampled_from(["\n", "\r\n", "\r"]))


@given(TEXTS, CODE, st.integers(0, 60))
def test_inserting_takes_nothing_away_and_keeps_the_document_s_line_ends(
    text: str, lines: list[str], offset: int
) -> None:
    document = python(text)
    offset = min(offset, len(text))
    if text[offset - 1 : offset + 1] == "\r\n":
        offset -= 1  # the protocol has no position there
    changes = inserted("".join(f"{line}\n" for line in lines) or "x\n", document, offset)
    assert not isinstance(changes, Refused)
    for change in changes:
        assert not text[change.start : change.end].strip()
        assert (
            change.text.replace(document.text.main_line_break(), "").isprintable()
            or "\t" in change.text
        )


@given(TEXTS, CODE, st.integers(0, 60), st.integers(0, 60))
def test_any_code_finds_a_place_or_a_reason(
    text: str, lines: list[str], start: int, end: int
) -> None:
    document = python(text)
    start, end = sorted((min(start, len(text)), min(end, len(text))))
    code = "".join(f"{line}\n" for line in lines) or "x\n"
    block = CodeBlock("python", code, is_closed=True)
    for changes in (replaced(code, document, start, end), merged(block, document)):
        if isinstance(changes, Refused):
            assert changes.reason.endswith(".")
        else:
            assert apply_changes(text, changes) != text
