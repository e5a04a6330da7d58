"""What a text does to the brackets and quotes behind the cursor, as seen after accepting it."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lsp_server.rest_of_line import fit_rest_of_line


def accepted(fixture: str, text: str) -> str:
    before, cursor, rest = fixture.partition("‸")
    assert cursor
    inserted, num_replaced = fit_rest_of_line(text, before.rpartition("\n")[2], rest)
    return before + inserted + rest[num_replaced:]


CASES = [
    # what the text opens itself, it closes itself
    ("print(‸)", "foo()", "print(foo())"),
    ("print(‸)", "foo(bar(1))", "print(foo(bar(1)))"),
    ("print(‸)", "foo(),\n    bar()", "print(foo(),\n    bar())"),
    ("a = [‸]", "b[0]", "a = [b[0]]"),
    ("a = [‸]", "[1], [2]", "a = [[1], [2]]"),
    ("x = {‸}", "'a': {1: 2}", "x = {'a': {1: 2}}"),
    ("x = {‸}", "**y, 'a': {}", "x = {**y, 'a': {}}"),
    ("x = f(‸);", "{a: g()}", "x = f({a: g()});"),
    ("foo(‸, b)", "bar(a, b)", "foo(bar(a, b), b)"),
    ("print(‸)", "'a'", "print('a')"),
    ("print(‸)", 'f("a")', 'print(f("a"))'),
    ("x[‸]", "'a'", "x['a']"),
    ("x = '‸'", "a' + 'b", "x = 'a' + 'b'"),
    # what the text closes that was open before, is there once
    ("print(‸)", "foo())", "print(foo())"),
    ("a = [‸]", "b[0]]", "a = [b[0]]"),
    ("x = {‸}", "'a': {1: 2}}", "x = {'a': {1: 2}}"),
    ("print(‸)", "foo()) if x else bar()", "print(foo()) if x else bar()"),
    ("foo(‸)", "x), (y", "foo(x), (y)"),
    ("foo(‸)", "x), bar(baz(", "foo(x), bar(baz()"),
    ("foo(‸),", "x), (y", "foo(x), (y),"),
    ("foo([{‸}])", "1: 2}], 3", "foo([{1: 2}], 3)"),
    ("foo( ‸ )", "a)", "foo( a)"),
    ("foo( ‸ )", "a )", "foo( a )"),
    ("def f(‸):", "x) -> list[int]:\n    return [x]", "def f(x) -> list[int]:\n    return [x]"),
    ("foo(‸);", "x);\n  bar();", "foo(x);\n  bar();"),
    ("foo(‸),", "x) if y else foo(z, w)", "foo(x) if y else foo(z, w),"),
    ("a‸:", "b:", "ab:"),
    ("[x‸,", "y,", "[xy,"),
    # also where words follow
    ("x = foo(‸) + b", "a)", "x = foo(a) + b"),
    ("x = foo(‸) + b", "a) * c", "x = foo(a) * c + b"),
    ("x = foo(‸) + b", "a), c = (d", "x = foo(a), c = (d) + b"),
    ("x = foo(‸) + b", "a) + b", "x = foo(a) + b"),
    ("foo('‸', b)", "a'", "foo('a', b)"),
    ("foo('‸', b)", "a', c", "foo('a', c, b)"),
    ("{'k': f(‸), 'b': 1}", "x), 'c': g(", "{'k': f(x), 'c': g(), 'b': 1}"),
    # what an open bracket is closed by depends on its kind
    ('d["k‸"]', 'ey"].get("a"', 'd["key"].get("a"'),
    ('d["k‸"]', 'ey"].get("a")', 'd["key"].get("a")'),
    ('d["k‸"]', 'ey"]["a', 'd["key"]["a"]'),
    ("foo(‸)", "a)[0", "foo(a)[0"),
    # strings
    ('foo("‸")', 'a", b=")"', 'foo("a", b=")")'),
    ('foo("‸")', 'a", "b")', 'foo("a", "b")'),
    ('print("‸")', "don't stop", 'print("don\'t stop")'),
    ('print("‸")', "don't stop\")", 'print("don\'t stop")'),
    ('print("‸")', 'hello (world)"', 'print("hello (world)")'),
    ('print("‸")', ':-) "', 'print(":-) ")'),
    ('print("‸")', 'Name: ', 'print("Name: ")'),
    ('print("‸")', r'a\"b"', r'print("a\"b")'),
    ('print("‸")', '%s" % name', 'print("%s" % name)'),
    ('print("‸")', '%s" % name)', 'print("%s" % name)'),
    ("foo('\"', '‸')", "a'", "foo('\"', 'a')"),
    ('print("it‸ is")', ", don't you think it is\")", 'print("it, don\'t you think it is")'),
    ('"""‸"""', 'Say "a".', '"""Say "a"."""'),
    ('"""‸"""', 'Say "a"."""', '"""Say "a"."""'),
    ('"""\n    Return ‸"""', "a (b.\"\"\"", '"""\n    Return a (b."""'),
    ('f("a", ‸")', '"c', 'f("a", "c")'),
    # f-strings
    ('f"{‸}"', "x}", 'f"{x}"'),
    ('f"{foo(‸)}"', "a)", 'f"{foo(a)}"'),
    ('f"{foo(‸)}"', "bar()", 'f"{foo(bar())}"'),
    ('f"{foo(‸)} items"', "a)", 'f"{foo(a)} items"'),
    ("f\"{d['‸']}\"", "key']", "f\"{d['key']}\""),
    ('print(f"{‸}")', 'x["a"]', 'print(f"{x["a"]}")'),
    # apostrophes begin no string
    ("foo(‸)", "a)  # don't", "foo(a)  # don't"),
    ("def f(‸)", "x):\n    # don't\n    return g(x)", "def f(x):\n    # don't\n    return g(x)"),
    ("fn f(‸)", "x: &'a str) {", "fn f(x: &'a str) {"),
    ("# it's foo(‸)", "a)", "# it's foo(a)"),
    # an editor that does not close brackets
    ("foo(bar(‸)", "x)", "foo(bar(x))"),
    ("foo(bar(‸)", "x))", "foo(bar(x))"),
    ("foo(bar(‸)", "x), y", "foo(bar(x), y)"),
    ("[foo(‸]", "a), b]", "[foo(a), b]"),
    ("foo(\n    bar(‸))", "x)", "foo(\n    bar(x))"),
    ("foo(bar(‸,", "a),", "foo(bar(a),"),
]  # fmt: skip


@pytest.mark.parametrize(("fixture", "text", "expected"), CASES)
def test_marks_are_there_once(fixture: str, text: str, expected: str) -> None:
    assert accepted(fixture, text) == expected


STRING = '"("'
STEPS = ["(", "[", "{", "<", "<", "a", "b", STRING]


def _balanced(steps: list[str]) -> str:
    """Make a line of it, where < closes the innermost bracket."""
    line, closing = "", ""
    for step in steps:
        if step != "<":
            line += step
            closing = {"(": ")", "[": "]", "{": "}"}.get(step, "") + closing
        elif closing:
            line, closing = line + closing[0], closing[1:]
    return line + closing


def _left_open(text: str) -> str:
    """The brackets that `text` does not close itself, and those that it has not opened."""
    brackets = re.sub(r"[^\[\](){}]", "", text.replace(STRING, ""))
    while (shorter := re.sub(r"\(\)|\[\]|{}", "", brackets)) != brackets:
        brackets = shorter
    return brackets


@st.composite
def _splits(draw: st.DrawFn) -> tuple[str, str, str]:
    line = _balanced(draw(st.lists(st.sampled_from(STEPS), max_size=16)))
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(line))] * 2)))
    before, text, rest = line[:start], line[start:end], line[end:]
    assume(not any(part.count('"') % 2 for part in (before, text)) and rest[:1] != '"')
    return before, text, rest


@given(_splits())
def test_a_text_that_fits_is_left_alone(split: tuple[str, str, str]) -> None:
    before, text, rest = split
    assume(not text.endswith(rest) or set(rest) <= set(")]}"))
    assert accepted(f"{before}‸{rest}", text) == before + text + rest


@given(_splits(), st.integers(1, 5))
def test_closing_brackets_that_come_twice_are_there_once(
    split: tuple[str, str, str], num_again: int
) -> None:
    before, text, rest = split
    again = rest[:num_again]
    assume(set(again) <= set(")]}") and not set(_left_open(text)) & set("([{"))
    assert accepted(f"{before}‸{rest}", text + again) == before + text + rest
