from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.windows import CursorContext
from lsp_server.postprocess import (
    MAX_LINES,
    Rejected,
    Rejection,
    Suggestion,
    is_settled,
    postprocess,
    stop_strings,
)


def context_of(fixture: str) -> CursorContext:
    prefix, cursor, suffix = fixture.partition("‸")
    assert cursor
    return CursorContext(prefix, suffix)


def accepted(fixture: str, raw: str, *, cut_short: bool = False) -> str:
    """Return the text after accepting what is suggested at ‸."""
    context = context_of(fixture)
    outcome = postprocess(raw, context, cut_short=cut_short)
    assert isinstance(outcome, Suggestion), outcome
    return context.prefix + outcome.text + context.suffix[outcome.num_replaced :]


def rejected(fixture: str, raw: str, *, cut_short: bool = False) -> Rejection:
    outcome = postprocess(raw, context_of(fixture), cut_short=cut_short)
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason


@pytest.mark.parametrize("raw", ["", " ", "\n", "\t\n  \n"])
def test_blank_text_is_not_shown(raw: str) -> None:
    assert rejected("a‸", raw) is Rejection.BLANK


@pytest.mark.parametrize("raw", ["a\x00", "\x1b[0m", "x\ufffd", "a\rb", "\x0c"])
def test_control_characters_are_not_shown(raw: str) -> None:
    assert rejected("a‸", raw) is Rejection.CONTROL_CHARACTERS


def test_loops_are_not_shown() -> None:
    assert rejected("a = ‸", "b, c, " * 7) is Rejection.LOOP


@pytest.mark.parametrize(
    ("fixture", "raw", "expected"),
    [
        ("import ‸", "sys\nimport sys\nimport sys", "import sys"),
        ("a = ‸", "1\nb = 2\na = 1\nb = 2\na = 1", "a = 1\nb = 2"),
        ("x(‸", "1)\ny()\ny()", "x(1)\ny()"),
    ],
)
def test_lines_that_come_again_are_cut(fixture: str, raw: str, expected: str) -> None:
    assert accepted(fixture, raw) == expected


def test_a_text_that_becomes_a_loop_is_cut_before() -> None:
    loop = "    Return a list of a list of a list of a list of a list of a list of\n"
    assert rejected("def f():‸", '\n    """\n' + loop) is Rejection.LOOP
    assert accepted("def f():‸", "\n    x = 1\n" + loop) == "def f():\n    x = 1"
    assert rejected("def f():‸", '\n    """\n' + loop[:-1]) is Rejection.LOOP


@pytest.mark.parametrize("stuck", [" 1000000000000", "ab/cd, ab/cd, ab/cd, a", "eeeeeeeeeeeee"])
def test_a_line_still_going_round_when_the_tokens_are_used_up_is_not_shown(stuck: str) -> None:
    assert rejected("limit = ‸", stuck, cut_short=True) is Rejection.LOOP
    assert accepted("limit = ‸", stuck).endswith(stuck.strip())
    assert accepted("f(‸)", "0, 0, 0\n1", cut_short=True) == "f(0, 0, 0)"


def test_a_drawn_line_is_no_loop() -> None:
    assert accepted("# ‸", "-" * 40) == "# " + "-" * 40


@given(st.text("ab -", max_size=6), st.text("ab -", min_size=1, max_size=50), st.integers(1, 7))
def test_a_loop_is_what_ends_with_the_same_three_to_forty_characters_five_times(
    start: str, part: str, rounds: int
) -> None:
    line = start + part * rounds
    match = re.search(r"(.{3,40}?)\1{4,}$", line.rstrip())
    is_loop = match is not None and len(set(match[1])) > 1
    assert is_settled(line, context_of("‸ + b")) is is_loop


@pytest.mark.parametrize(
    ("fixture", "raw"),
    [
        ("def f():\n   ‸\n", "# file: idlelib/config.py\n"),
        ("‸", "\n# file: a.py\nimport b\n"),
        ("a = 1\n# fi‸\n", "le: a.py"),
    ],
)
def test_the_header_of_another_file_is_not_shown(fixture: str, raw: str) -> None:
    assert rejected(fixture, raw) is Rejection.ANOTHER_FILE
    assert is_settled(raw, context_of(fixture))


def test_a_header_that_the_user_writes_is_continued() -> None:
    assert accepted("# file: ‸", "a.py") == "# file: a.py"


def test_text_at_the_end_of_a_line() -> None:
    assert accepted("def f(‸", "x):\n    return x") == "def f(x):\n    return x"


def test_white_space_at_the_end_is_cut() -> None:
    assert accepted("a‸\n", " = 1  \n  \n") == "a = 1\n"


def test_one_line_only_where_words_follow() -> None:
    assert accepted("x = ‸foo", "a + \nb") == "x = a + foo"
    assert stop_strings(context_of("x = ‸foo")) == ("\n",)


def test_the_rest_of_the_line_is_not_repeated() -> None:
    assert accepted("return a‸ + b\n", " * c + b") == "return a * c + b\n"
    assert rejected("return a‸ + b\n", " + b") is Rejection.REPEATS_FOLLOWING


@pytest.mark.parametrize(
    ("fixture", "raw", "expected"),
    [
        ("foo(‸)", "a, b", "foo(a, b)"),
        ("foo(‸)", "a, b)", "foo(a, b)"),
        ("foo(‸)", "(a), [b])", "foo((a), [b])"),
        ("def f(‸)", "x):\n    return x", "def f(x):\n    return x"),
        ("foo(bar(‸))", "x), y", "foo(bar(x), y)"),
        ("foo(bar(‸))", "x)", "foo(bar(x))"),
        ("foo('‸')", "it", "foo('it')"),
        ('foo("‸")', 'a", "b', 'foo("a", "b")'),
        ('foo("‸")', 'a", b=")"', 'foo("a", b=")")'),
        ("foo(‸)", "x), (y", "foo(x), (y)"),
        ("[x‸,", "y, z", "[xy, z,"),
        ("foo(‸):", "a): # why", "foo(a): # why"),
        ("print(‸)\n", "foo()", "print(foo())\n"),
        ("x = {‸}\n", "'a': {1: 2}", "x = {'a': {1: 2}}\n"),
        ("def f():\n    a = [‸]\n", "b[0]", "def f():\n    a = [b[0]]\n"),
        ('d["k‸"]', 'ey"].get("a"', 'd["key"].get("a"'),
        ("x = foo(‸) + b\n", "a) * c\n", "x = foo(a) * c + b\n"),
    ],
)
def test_closing_marks_are_there_once(fixture: str, raw: str, expected: str) -> None:
    assert accepted(fixture, raw) == expected


@pytest.mark.parametrize(
    ("fixture", "raw", "expected"),
    [
        ("foo(‸)\n", "a, b)\nbar()", "foo(a, b)\nbar()\n"),
        ("def f(‸):\n", "x):\n    return x\n", "def f(x):\n    return x\n"),
        ("foo(‸)\n", "\n    a,\n    b,\n)\nbar()", "foo(\n    a,\n    b,\n)\n"),
        ("x = {‸}\n", "\n    'a': [1],\n}\n", "x = {\n    'a': [1],\n}\n"),
        ("    return {‸}\n", "k: v for k, v in x}\n", "    return {k: v for k, v in x}\n"),
        ("foo(bar(‸))\n", "x), y)\nbaz()", "foo(bar(x), y)\nbaz()\n"),
        ("foo(bar(‸))\n", "x))\n", "foo(bar(x))\n"),
        ("print('‸')\n", "a', b)\nc()", "print('a', b)\nc()\n"),
        ('    """‸"""\n', 'Do it.\n\n    Twice.\n    """\n    x = 1', '    """Do it."""\n'),
        ("int f() {‸}\n", "\n  return 1;\n}\n\nint g", "int f() {\n  return 1;\n}\n"),
    ],
)
def test_a_model_that_closes_everything_itself(fixture: str, raw: str, expected: str) -> None:
    """It has not seen what the editor has closed already."""
    assert accepted(fixture, raw) == expected


def test_a_block_ends_where_it_is_dedented() -> None:
    raw = "\n    return x\n\n\ndef other():\n    pass"
    assert accepted("def f(x):‸", raw) == "def f(x):\n    return x"


def test_a_block_ends_with_its_closing_line() -> None:
    raw = "\n    return x;\n}\nint g() {"
    assert accepted("int f(int x) {‸\n", raw) == "int f(int x) {\n    return x;\n}\n"


def test_statements_end_at_the_dedent_below_the_cursor_line() -> None:
    raw = "\n    b = 2\nc = 3"
    assert accepted("if x:\n    a = 1‸\n", raw) == "if x:\n    a = 1\n    b = 2\n"
    assert rejected("if x:\n    a = 1‸\n", "\nc = 3") is Rejection.OUT_OF_SCOPE


def test_statements_end_at_a_blank_line() -> None:
    assert accepted("a = ‸\n", "1\nb = 2\n\nc = 3") == "a = 1\nb = 2\n"


def test_the_first_line_may_bring_its_own_indentation() -> None:
    assert accepted("def f():\n‸", "    a = 1\n    return a\nx") == (
        "def f():\n    a = 1\n    return a"
    )


def test_few_lines() -> None:
    raw = ":" + "".join(f"\n    step_{n}()" for n in range(30))
    assert accepted("def f()‸", raw).count("\n") == MAX_LINES - 1


def test_a_line_that_was_cut_short_is_left_out() -> None:
    assert accepted("def f():‸", "\n    a = 1\n    b = ma", cut_short=True) == "def f():\n    a = 1"
    assert accepted("a = ‸", "some_long_na", cut_short=True) == "a = some_long_na"
    assert accepted("a = ‸", "first + some_long_na", cut_short=True) == "a = first +"
    assert accepted("a = ‸", "first + second\n", cut_short=True) == "a = first + second"
    assert accepted("f(‸)", "first, some_long_na", cut_short=True) == "f(first,)"


def test_the_next_line_is_not_repeated() -> None:
    assert rejected("    retu‸\n\n    return x\n", "rn x") is Rejection.REPEATS_FOLLOWING
    assert rejected("    retu‸(\n\n    return (\n", "rn ") is Rejection.REPEATS_FOLLOWING


def test_text_ends_before_the_next_line() -> None:
    fixture = "void f() {\n  a();‸\n}\n"
    assert accepted(fixture, "\n  b();\n}\n\nvoid g") == "void f() {\n  a();\n  b();\n}\n"


@pytest.mark.parametrize(
    ("fixture", "raw"),
    [
        ("def f():‸", "\n    return 1\nd"),
        ("int f() {‸", "\n  return 1;\n}\n"),
        ("a = ‸\nb = 2\n", "1\nb = 2\n"),
        ("import ‸", "sys\nimport sys\n"),
        ("a = ‸", "1\n\n"),
        ("a = ‸", "b, c, " * 6),
        ("a = ‸ + b", "c, d, " * 6),
        ("a = ‸ + b", "c\n"),
        ("f(‸", "a\n" + "".join(f"  {n}\n" for n in range(20))),
    ],
)
def test_settled_as_early_as_possible_and_for_good(fixture: str, raw: str) -> None:
    context = context_of(fixture)
    settled = [is_settled(raw[:at], context) for at in range(len(raw) + 1)]
    assert settled[-1]
    assert settled == sorted(settled)
    first = settled.index(True)
    shown = postprocess(raw[:first], context, cut_short=True)
    for more in ("", "x = 1", "\n\n\nx", "\n        deeper\n"):
        longer = postprocess(raw[:first] + more, context, cut_short=False)
        assert isinstance(shown, Rejected) or longer == shown


def test_nothing_is_settled_while_a_line_may_close_the_block() -> None:
    assert not is_settled("\n  return 1;\n}", context_of("int f() {‸"))


@given(
    st.text(max_size=60), st.text("ab ()[]\"':\n", max_size=8), st.text("ab ()[]\"':\n", max_size=8)
)
def test_any_text_gives_an_outcome(raw: str, prefix: str, suffix: str) -> None:
    outcome = postprocess(raw, CursorContext(prefix, suffix), cut_short=True)
    if isinstance(outcome, Suggestion):
        assert outcome.text.strip()
        assert outcome.num_replaced <= len(suffix.partition("\n")[0])


@pytest.mark.parametrize(
    ("fixture", "raw"),
    [
        ("    self.a = a\n    se‸", "lf.a = a"),
        ("    self.a = a\n\n    ‸\n", "self.a = a\n    self.b = b"),
        ("print(a)\nprint(‸)\n", "a"),
    ],
)
def test_the_line_above_is_not_said_again(fixture: str, raw: str) -> None:
    assert rejected(fixture, raw) is Rejection.REPEATS_PRECEDING


def test_a_line_of_marks_may_come_twice() -> None:
    assert accepted("f(g(\n    )\n‸", ")") == "f(g(\n    )\n)"
