"""From what a model says to code that can stand in the document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.actions.checks import missing_definition, refusal
from lsp_server.actions.code_answers import code_of, without_surroundings
from lsp_server.actions.fitting import fitted, indent_unit
from lsp_server.edits import lines_of
from lsp_server.syntax.trees import parse
from tests.unit.strategies import texts

OLD = "def area(w, h):\n    return w + h\n"
NEW = "def area(w, h):\n    return w * h\n"
EXAMPLE = "print(area(2, 3))\n"


@pytest.mark.parametrize(
    "answer",
    [
        NEW,
        f"\n\n{NEW}\n",
        f"```\n{NEW}```",
        f"```python\n{NEW}```\n",
        f"~~~py\n{NEW}~~~",
        f"````python\n{NEW}````",
        f"```python\n{NEW}",
        f"Sure! Here is the fixed code:\n\n```python\n{NEW}```\n\nIt multiplies now.",
        f"Here is the corrected function:\n\n{NEW}\nThis function now multiplies.\nAnd so on.",
        f"Sure!\n{NEW}\n\nNote that it multiplies.",
        f"Before:\n```python\n{OLD}```\nAfter:\n```python\n{NEW}```",
        f"```python\n{NEW}```\nUse it so:\n```python\n{EXAMPLE}```\n",
        f"Use it so:\n```python\n{EXAMPLE}```\n```python\n{NEW}```\n",
        NEW.replace("\n", "\r\n"),
        f"```python\r\n{NEW}```".replace("\n", "\r\n"),
    ],
)
def test_the_code_in_an_answer(answer: str) -> None:
    assert code_of(answer, OLD).strip("\n") == NEW.strip("\n")


@pytest.mark.parametrize(
    "answer", ["", " \n", "```\n```", "```python\n\n```", "Sure!", "Sorry.", "\r\n"]
)
def test_an_answer_without_code(answer: str) -> None:
    assert code_of(answer, OLD) == ""


def test_fences_in_a_docstring_do_not_end_the_code() -> None:
    code = 'def f():\n    """As in:\n\n    ```python\n    f()\n    ```\n    """\n    return 1\n'
    assert code_of(f"Sure:\n```python\n{code}```\nDone.") == code
    item = "1. So:\n   ```\n   x = 1\n   ```\n2. Done."
    assert code_of(item) == "   x = 1\n"


def test_code_in_single_backticks() -> None:
    assert code_of("`x = 1`") == "x = 1\n"


def test_a_line_of_code_is_not_mistaken_for_a_greeting() -> None:
    assert code_of("here:\n    jmp here\n", "here:\n    nop\n") == "here:\n    jmp here\n"


@given(texts)
def test_any_answer_can_be_read(answer: str) -> None:
    assert "\r" not in code_of(answer, OLD)


BEFORE = "import os\n\n\nclass Shape:\n    sides = 4\n\n"
AFTER = "\n    def name(self):\n        return 'shape'\n"
METHOD = "    def area(self):\n        return self.w * self.h\n"


@pytest.mark.parametrize(
    "answer",
    [
        METHOD,
        BEFORE + METHOD + AFTER,
        "class Shape:\n    sides = 4\n\n" + METHOD + AFTER,
        "    sides = 4\n" + METHOD,
        METHOD + AFTER,
        METHOD + "\n\n    def name(self):\n",
    ],
)
def test_what_is_repeated_of_the_lines_around(answer: str) -> None:
    assert without_surroundings(answer, BEFORE, AFTER).strip("\n") == METHOD.strip("\n")


@pytest.mark.parametrize(
    "answer", ["def m\n  a\n  b\nend\n", "class A\ndef m\n  a\n  b\nend\nend\n"]
)
def test_code_may_end_as_what_follows_it(answer: str) -> None:
    code = without_surroundings(answer, "class A\n", "end\n", "def m\n  todo\nend\n")
    assert code.strip("\n") == "def m\n  a\n  b\nend"


def test_a_line_that_is_changed_is_not_a_repetition() -> None:
    answer = "    sides = 5\n" + METHOD
    assert without_surroundings(answer, BEFORE, AFTER) == answer


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("def f():\n    if x:\n        pass\n", "    "),
        ("function f() {\n  if (x) {\n    y\n  }\n}\n", "  "),
        ("def f():\n\tif x:\n\t\tpass\n", "\t"),
        ("x = 1\n", ""),
        ("", ""),
    ],
)
def test_one_level_of_indentation(text: str, unit: str) -> None:
    assert indent_unit(text) == unit


def check_fitted(old: str, code: str, expect: str, document: str | None = None) -> None:
    text = document or old
    assert fitted(code, old, text, "\r\n" if "\r\n" in text else "\n") == expect


def test_the_first_line_gives_the_indentation() -> None:
    old = "    def f(self):\n        return 1\n"
    check_fitted(old, "def f(self):\n    return 2\n", "    def f(self):\n        return 2\n")
    check_fitted(old, "      def f(self):\n          return 2", old.replace("1", "2"))


def test_tabs_stay_tabs() -> None:
    old = "\tdef f(self):\n\t\treturn 1\n"
    check_fitted(old, "def f(self):\n    return 2\n", old.replace("1", "2"))
    check_fitted(old, "    def f(self):\n        return 2\n", old.replace("1", "2"))


def test_blanks_in_a_long_string_stay_blanks_in_a_file_of_tabs() -> None:
    old = "def f():\n\treturn 1, '''\n    SELECT\n        one'''\n"
    code = "def f():\n    return 2, '''\n    SELECT\n        one'''\n"
    check_fitted(old, code, old.replace("1", "2"), "if x:\n\ty\n\tz\n\tz\n" + old)


def test_blanks_stay_blanks() -> None:
    old = "  def f(self):\n    return 1\n"
    check_fitted(old, "def f(self):\n\treturn 2\n", old.replace("1", "2"))


def test_a_document_of_tabs_decides_for_a_single_line() -> None:
    document = "if x:\n\ty = 1\n"
    check_fitted("\ty = 1\n", "    if y:\n        y = 2\n", "\tif y:\n\t\ty = 2\n", document)


def test_line_ends_and_trailing_blanks_of_unchanged_lines_stay() -> None:
    old = "def f():  \r\n    a = 1\n    b = 1\r\n"
    code = "def f():\n    a = 1\n    b = 2\n    c = 3\n"
    check_fitted(old, code, "def f():  \r\n    a = 1\n    b = 2\r\n    c = 3\r\n")


def test_text_without_a_last_line_break_gets_none() -> None:
    check_fitted("x = 1", "x = 2\n", "x = 2")


def test_a_long_string_left_of_the_code_stays_where_it_is() -> None:
    old = "    def f(self):\n        return '''\nSELECT\n  one\n'''\n"
    code = "def f(self):\n    return g('''\nSELECT\n  one\n''')\n"
    expect = "    def f(self):\n        return g('''\nSELECT\n  one\n''')\n"
    check_fitted(old, code, expect.replace("\n''')", "\n    ''')"))


@given(texts)
def test_code_that_is_the_same_changes_nothing(text: str) -> None:
    used = [line for line in lines_of(text) if line.strip()]
    old = "".join(used)
    if used:
        code = "".join(line.rstrip("\r\n") + "\n" for line in used)
        assert fitted(code, old, old, "\n") == old


@given(st.lists(st.sampled_from(["a", "  b", "\tc", "", "    d"]), max_size=8), texts)
def test_only_whole_lines_come_out(code: list[str], old: str) -> None:
    text = fitted("\n".join(code), old, old, "\n")
    assert not text or text.endswith(("\n", "\r")) or not old.endswith(("\n", "\r"))


@pytest.mark.parametrize(
    ("language", "old", "new", "reason"),
    [
        ("python", OLD, NEW, None),
        ("python", OLD, OLD, "would leave it"),
        ("python", OLD, "def area(w, h)\n    return 1\n", "would not parse: expected ':' (line 1)"),
        ("python", OLD, "return 1\n", None),
        ("python", "x = (\n", "x = (\ny = 1\n", None),
        ("python", "x = (\n", "x = (\ny = )(\ndef\n", "would not parse as python"),
        ("python", OLD, "x = '\0'", "would not parse"),
        ("javascript", "f(1);\n", "f(2;\n", "would not parse as javascript"),
        ("javascript", "f(1);\n", "f(2);\n", None),
        ("klingon", "a", "b (", None),
    ],
)
def test_what_may_be_offered(language: str, old: str, new: str, reason: str | None) -> None:
    refused = refusal(language, old, new)
    if reason is None:
        assert refused is None
    else:
        assert refused is not None
        assert reason in refused.reason


def test_python_is_asked_about_the_code_that_changes_whatever_is_wrong_elsewhere() -> None:
    above, below = "import os\r\n\r\n", "\n\nx = = 2\n"
    changed = OLD.replace("w, h", "w=1, h")
    refused = refusal("python", above + OLD + below, above + changed + below, 13, 13 + len(OLD))
    assert refused is not None
    assert "would not parse: " in refused.reason
    assert "default" in refused.reason
    assert "(line 3)" in refused.reason


@pytest.mark.parametrize(
    ("language", "text"),
    [("python", NEW), ("python", f"@cache\n{NEW}"), ("javascript", "class A {\n area(w) { }\n}\n")],
)
def test_the_definition_itself_must_come_back(language: str, text: str) -> None:
    tree = parse(language, text)
    assert tree is not None
    assert missing_definition(tree, 0, len(text), "area") is None
    refused = missing_definition(tree, 0, len(text), "volume")
    assert refused is not None
    assert "does not define volume" in refused.reason


@pytest.mark.parametrize("others", ["", "    import os\n", "    size = 1\n\n"])
def test_an_import_does_not_go_into_a_class(others: str) -> None:
    method = "    def f(self):\n        return re\n"
    text = f"class A:\n{others}{method}"
    at = text.index("    def")
    inside = method.replace("return", "import re\n        return")
    assert refusal("python", text, text.replace(method, inside), at, len(text)) is None
    refused = refusal(
        "python", text, text.replace(method, f"    import re\n\n{method}"), at, len(text)
    )
    assert refused is not None
    assert "`import re`; put that at the top of the file" in refused.reason


FILE = "def f():\n    return 1\n\n\ndef g():\n    return 2\n\n\nclass A:\n    def h(self): ...\n"


@pytest.mark.parametrize(
    ("code", "repeated"),
    [
        ("def f():\n    return 3\n", None),
        ("def f():\n    return h()\n\n\ndef h():\n    return 3\n", None),
        ("def f():\n    return 3\n\n\ndef g():\n    return 2\n", "g"),
        ("def f():\n    def g(): ...\n    return g\n", None),
    ],
)
def test_a_definition_from_elsewhere_is_not_repeated(code: str, repeated: str | None) -> None:
    old = FILE[: FILE.index("\n\n")]
    refused = refusal("python", FILE, code + FILE[len(old) :], 0, len(old))
    assert (refused is None) == (repeated is None)
    assert refused is None or f"repeats {repeated}," in refused.reason
