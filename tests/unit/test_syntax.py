from __future__ import annotations

import pytest
from hypothesis import given

from lsp_server.syntax.definitions import all_definitions, enclosing_definition
from lsp_server.syntax.languages import grammar_name
from lsp_server.syntax.trees import SyntaxTree, parse
from tests.unit.strategies import texts

PYTHON = """\
import os

@cache
def outer(a):
    x = '😋é'

    def inner():
        return a  # here
    return inner

class Box:
    size = 1
    async def open(self):
        pass
"""


def parsed(text: str, language_id: str = "python") -> SyntaxTree:
    tree = parse(language_id, text)
    assert tree is not None
    return tree


@pytest.mark.parametrize(
    ("language_id", "path", "grammar"),
    [
        ("python", "", "python"),
        ("typescriptreact", "", "tsx"),
        ("shellscript", "", "bash"),
        ("plaintext", "src/a.RS", "rust"),
        ("", "a.unknown", ""),
    ],
)
def test_which_grammar_reads_a_document(language_id: str, path: str, grammar: str) -> None:
    assert grammar_name(language_id, path) == grammar


@pytest.mark.parametrize("language_id", ["", "plaintext", "klingon", "../python", "get_parser"])
def test_a_language_without_a_grammar_has_no_tree(language_id: str) -> None:
    assert parse(language_id, "x = 1") is None


def test_a_text_that_is_parsed_in_pieces_has_the_tree_of_its_parts() -> None:
    """Large ones are; 3 and 4 bytes a character, so that pieces end within some."""
    part = "def f():\n    return '😋€é'\n"
    tree = parsed(part * 4000)
    assert tree.num_errors == 0
    names = [definition.start for definition in all_definitions(tree)]
    assert names == list(range(0, len(part) * 4000, len(part)))


@given(texts)
def test_offsets_are_characters_whatever_the_text(text: str) -> None:
    source = f"# {text.replace(chr(10), '').replace(chr(13), '')}\n'😋' + value\n" * 40
    tree = parsed(source)
    for at in (source.index("value"), source.rindex("value")):
        node = tree.node_at(at, at + 5)
        assert tree.span(node) == (at, at + 5)
        assert tree.source(node) == "value"


@pytest.mark.parametrize(
    ("text", "is_broken"),
    [("x = (1)\n", False), ("x = (1\n", True), ("def f(:\n    pass\n", True), ("", False)],
)
def test_errors_are_counted(text: str, is_broken: bool) -> None:
    assert (parsed(text).num_errors > 0) is is_broken


@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("import", None),
        ("@cache", "outer"),
        ("def outer", "outer"),
        ("'😋é'", "outer"),
        ("    def inner", "inner"),
        ("a  # here", "inner"),
        ("# here", "inner"),
        ("return inner", "outer"),
        ("size", "Box"),
        ("pass", "open"),
    ],
)
def test_the_definition_around_a_place(at: str, name: str | None) -> None:
    offset = PYTHON.index(at)
    found = enclosing_definition(parsed(PYTHON), offset, offset)
    assert (found.name if found else None) == name


def test_a_definition_knows_all_of_itself() -> None:
    outer = next(all_definitions(parsed(PYTHON)))
    assert (outer.kind, outer.name) == ("function", "outer")
    assert PYTHON[outer.start : outer.end].startswith("@cache\ndef outer(a)")
    assert PYTHON[outer.start : outer.end].endswith("return inner")
    assert PYTHON[outer.body_start :].startswith("x = '😋é'")


def test_a_selection_of_two_functions_lies_in_the_class_around_them() -> None:
    text = "class A:\n    def f(self): pass\n    def g(self): pass\n"
    found = enclosing_definition(parsed(text), text.index("def f"), len(text))
    assert found is not None
    assert (found.kind, found.name) == ("class", "A")
    function = enclosing_definition(parsed(text), text.index("def g"), len(text), "function")
    assert function is not None
    assert function.name == "g"


@pytest.mark.parametrize(
    ("language_id", "text", "names"),
    [
        ("javascript", "export const f = (a) => { g(() => 1) }\nclass A { m() {} }", "f A m"),
        ("typescript", "export async function g(): void {}\ninterface I {}", "g I"),
        ("c", "int *f(int a) { return 1; }\nstruct A { int b; };\nstruct A x;", "f A"),
        ("cpp", "int A::f() { return 1; }\ntemplate<class T> class B { void m() {} };", "A::f B m"),
        ("go", "func (a *A) M() {}\ntype A struct {}\nfunc f() {}", "M A f"),
        ("rust", "pub fn f() {}\nimpl A { fn g() {} }", "f A g"),
        ("ruby", "class A\n def f(a)\n 1\n end\n def self.g; end\nend\n", "A f g"),
        ("java", "class A { A(){} int f(){return 1;} }", "A A f"),
        ("csharp", "class A { A(){} int f(){return 1;} }", "A A f"),
        ("kotlin", "class A {\n fun f() {}\n}", "A f"),
        ("swift", "class A { func f() {} }", "A f"),
        ("php", "<?php function f() {} class A { function g() {} }", "f A g"),
        ("shellscript", "f() { echo; }", "f"),
        ("scala", "class A { def f(x: Int) = x }", "A f"),
        ("lua", "local function f() end", "f"),
    ],
)
def test_definitions_in_many_languages(language_id: str, text: str, names: str) -> None:
    found = [definition.name for definition in all_definitions(parsed(text, language_id))]
    assert found == names.split()
