"""What becomes of a model's words, and what is said without any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.docstrings import wording
from lsp_server.docstrings.facts import Parameter, Signature
from lsp_server.docstrings.prose import MAX_CHARS, cleaned
from lsp_server.docstrings.relating import relates, topics


@pytest.mark.parametrize(
    ("raw", "expect"),
    [
        ("the size of the file", "The size of the file."),
        ("  The size.  ", "The size."),
        ("The size in bytes. It is positive.", "The size in bytes."),
        ("Sizes, e.g. of files, in bytes.", "Sizes, e.g. of files, in bytes."),
        ("The number of bits and the number of ends", "The number of bits and the number of ends."),
        ('The "real" size', 'The "real" size.'),
        ('The size."""\n    return 1', "The size."),
        ("The size\\", "The size."),
        ("size (int): The size.", "The size."),
        ("size: the size.", "The size."),
        (":param size: The size.", "The size."),
        ("- The size.", "The size."),
        ("The size\nThe next line", "The size."),
        ("The size\x00\x07 \u202eof it", "The size of it."),
        ("The size of the", "The size."),
        ("The size, which is", "The size."),
        ("The size of its", "The size."),
        ("size of it", "Size of it."),
        ("size_of() is called with it", "size_of() is called with it."),
        ("The size */ of it", "The size of it."),
        ("Größe der Datei", "Größe der Datei."),
        ("文件的大小", "文件的大小."),
        ("Family 👩‍👩‍👧 of sizes", "Family 👩‍👩‍👧 of sizes."),
    ],
)  # fmt: skip
def test_one_sentence(raw: str, expect: str) -> None:
    assert cleaned(raw, subject="size", fallback="FALLBACK") == expect


@pytest.mark.parametrize(
    "raw",
    [
        *["", "\n", '"""', "'''", "...", "Args:", "Returns: int", ">>> f(1)", "return size"],
        *["the the the the", "The msg to use for the given msg.", "a = b", "@param x", "size)"],
        "The number of it to be used to be used to be used.",
        *["The src.src.src.src.src", "12 + 3", "\\", "of the"],
    ],
)  # fmt: skip
def test_nothing_usable(raw: str) -> None:
    assert cleaned(raw, subject="size", fallback="FALLBACK") == "FALLBACK"


@pytest.mark.parametrize(
    ("raw", "expect"),
    [
        ("`tuple[int, int]`: The number of channels.", "The number of channels."),
        ("int: the sum", "The sum."),
        ("list of str: The names", "The names."),
        ("Type: int", "FALLBACK"),
        ("Foo: a thing", "A thing."),
        ("`int`, *optional*, defaults to `None`: The sum", "The sum."),
        ("str or None - the name", "The name."),
        ("dict[str, list[int]] | None: counts by name", "Counts by name."),
        ("{number} The sum", "The sum."),
        ("(int): the sum", "The sum."),
        *[(each, "FALLBACK") for each in ("bool", "`int`", "Str or Path.", "StrPath", "list[str]")],
        *[(each, "FALLBACK") for each in ("A list of ints", "int | None", "rtype: str")],
        ("A list of the names", "A list of the names."),
        ("Whether it is open", "Whether it is open."),
    ],
)  # fmt: skip
def test_types_are_never_the_models(raw: str, expect: str) -> None:
    assert cleaned(raw, subject="return", fallback="FALLBACK") == expect


def test_what_a_style_would_read_as_a_type_goes_to_the_colon() -> None:
    raw = "One of the two: left or right"
    assert cleaned(raw, subject="x", fallback="") == "One of the two: left or right."
    there = cleaned(raw, subject="return", fallback="", opens_with_type=True)
    assert there == "One of the two."


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("add", "Adds two numbers."),
        ("rm", "Remove a file."),
        ("initialise", "Initialize the thing."),
        ("fmt_time", "Format it."),
        ("sweep", "Go through the given paths."),
        ("f", "Anything at all."),
        ("load", "读取文件。"),
    ],
)
def test_a_summary_that_has_to_do_with_the_signature(name: str, summary: str) -> None:
    signature = Signature(name=name, parameters=(Parameter("path", "Path"),))
    assert relates(summary, name, topics(signature))


@pytest.mark.parametrize("summary", ["Area.", "Path.", "Normalize the connection.", "Return it."])
def test_a_summary_that_has_not(summary: str) -> None:
    signature = Signature(name="add", parameters=(Parameter("path", "Path"), Parameter("a")))
    assert not relates(summary, "add", topics(signature))


@given(st.text() | st.text(alphabet="-.,;: \"'\\*/(){}[]aAt\n", max_size=400))
def test_any_text_becomes_one_harmless_line(raw: str) -> None:
    prose = cleaned(raw, subject="size", fallback="Size.")
    assert prose
    assert len(prose) <= MAX_CHARS + 1
    assert len(prose.splitlines()) == 1
    assert not {'"""', "'''", "*/", "\\"} & {
        prose[at : at + n] for n in (1, 2, 3) for at in range(len(prose))
    }
    assert cleaned(prose, subject="size", fallback="Size.")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expect"),
    [
        ("num_items", "Number of items."),
        ("max_depth", "Largest depth."),
        ("is_open", "Whether it is open."),
        ("HTTPServer", "The HTTP server."),
        ("fileName2", "The file name 2."),
        ("_", "Not used."),
    ],
)
def test_what_a_name_says(name: str, expect: str) -> None:
    assert wording.about(Parameter(name)) == expect


def test_what_other_names_say() -> None:
    assert wording.summary(Signature(name="read_file")) == "Read file."
    assert wording.summary(Signature(name="is_open")) == "Tell whether it is open."
    assert wording.predicate(Signature(name="CopyFile")) == "copies file."
    assert wording.cause("a.OwnTimeoutError") == "there is an own timeout error."
