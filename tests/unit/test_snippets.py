"""Which pieces of other files go with a request, and for how long."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.request import completion_request, warm_up_request
from lsp_server.context.snippets import (
    CHUNK_LINES,
    MAX_CHARS,
    OtherFile,
    Surroundings,
    choose,
    chunks_of,
)
from lsp_server.context.visits import MAX_FILES, PAUSE_S, Location, Visits
from lsp_server.context.windows import CursorContext, cursor_context, plain
from lsp_server.documents import Document
from lsp_server.source_text import SourceText
from model_runtime.api import Capability, ModelInfo, OtherFiles, Snippet
from tests.unit.strategies import texts

SHAPES = "def circle_area(radius):\n    return PI * radius ** 2\n"
COLOURS = "def mix_colours(red, green):\n    return blend(red, green)\n"
HERE = "from shapes import circle_area\n\narea = circle_area(radius"


def other(path: str, text: str, edited_line: int | None = None) -> OtherFile:
    return OtherFile(path, chunks_of(SourceText.of(text)), edited_line)


def at_end(text: str) -> CursorContext:
    return cursor_context(SourceText.of(text), len(text))


def chosen(*files: OtherFile, here: str = HERE) -> list[str]:
    return [snippet.path for snippet in choose(at_end(here), files, lambda _: True)]


# Which


def test_what_is_like_the_text_around_the_cursor_comes_last() -> None:
    both = SHAPES + COLOURS * 3
    assert chosen(other("both.py", both), other("shapes.py", SHAPES)) == ["both.py", "shapes.py"]
    assert chosen(other("shapes.py", SHAPES), other("both.py", both)) == ["both.py", "shapes.py"]


def test_what_shares_no_word_is_left_out() -> None:
    assert chosen(other("colours.py", COLOURS)) == []
    assert chosen(other("empty.py", ""), other("blank.py", "\n \n" * 90)) == []


def test_of_equals_the_one_visited_last_is_nearest() -> None:
    twins = other("left.py", SHAPES), other("right.py", SHAPES)
    assert chosen(*twins) == ["right.py", "left.py"]
    assert chosen(*reversed(twins)) == ["left.py", "right.py"]


def test_where_a_file_was_edited_counts_more() -> None:
    twice = SHAPES + "\n" * (CHUNK_LINES - 2) + "def other_area(radius):\n    return radius\n"
    (first,) = (s for s in choose(at_end(HERE), [other("a.py", twice)], lambda _: True)[-1:])
    assert first.text == SHAPES
    edited = [other("a.py", SHAPES, edited_line=0), other("b.py", SHAPES)]
    assert chosen(*edited[::-1])[-1] == "a.py"


def test_what_the_model_sees_anyway_is_left_out() -> None:
    assert chosen(other("copy.py", SHAPES), here=SHAPES + HERE) == []


def test_files_that_nobody_writes_by_hand_are_left_out() -> None:
    assert chunks_of(SourceText.of(SHAPES * 8000)) == ()
    assert chunks_of(SourceText.of("circle_area " * 900)) == ()


def test_snippets_fit_into_their_room() -> None:
    files = [other(f"{n}.py", SHAPES * 200) for n in range(20)]
    found = choose(at_end(HERE), files, lambda _: True)
    assert 0.6 * MAX_CHARS < sum(len(snippet.text) for snippet in found) <= MAX_CHARS


@given(texts)
def test_chunks_are_the_files_lines_in_order(text: str) -> None:
    chunks = chunks_of(SourceText.of(text))
    whole = plain(text).split("\n")
    for chunk in chunks:
        lines = chunk.text.strip("\n").split("\n")
        block = whole[chunk.first_line : chunk.first_line + CHUNK_LINES]
        assert "\n".join(block).strip("\n") == "\n".join(lines)
    assert sum(len(c.text.strip()) for c in chunks) <= len(text)
    "".join(chunk.text for chunk in chunks).encode()


# For which models

MODEL = ModelInfo(
    id="m",
    context_length=2048,
    capabilities=frozenset({Capability.COMPLETION, Capability.INFILLING}),
)
BESIDE = Surroundings((Snippet("a.py", "x = 1\n"),), "b.py", "project")


@pytest.mark.parametrize(
    ("use", "sent"),
    [
        (OtherFiles.IGNORED, ((), "", "")),
        (OtherFiles.COPIED, (BESIDE.snippets, "", "")),
        (OtherFiles.SHOWN, (BESIDE.snippets, "b.py", "project")),
    ],
)
def test_a_model_gets_what_it_has_a_use_for(use: OtherFiles, sent: object) -> None:
    model = ModelInfo(id="m", context_length=2048, capabilities=MODEL.capabilities, other_files=use)
    context = CursorContext("x = ", "\n")
    request = completion_request(context, model, max_tokens=8, beside=BESIDE)
    assert (request.snippets, request.path, request.repository) == sent
    warming = warm_up_request(context, model, beside=BESIDE)
    assert (warming.snippets, warming.path, warming.repository) == sent


# For how long


class Session:
    """Files in a workspace, visited by hand, with a clock that stands still."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 0.0
        self.visits = Visits(lambda: self.now)

    def location(self, name: str) -> Location:
        return Location(self.root / name, self.root)

    def saw(self, name: str, text: str, edited_line: int | None = None) -> None:
        document = Document.of(name, "python", 1, text)
        self.visits.saw(self.location(name), document, edited_line)

    def ask(
        self, name: str, text: str, excluded: tuple[str, ...] = (), *, is_idle: bool = False
    ) -> Surroundings:
        at = self.location(name)
        asked = self.visits.surroundings(name, at, at_end(text), excluded, is_idle=is_idle)
        return asyncio.run(asked)

    def paths(self, name: str, text: str, excluded: tuple[str, ...] = ()) -> list[str]:
        return [snippet.path for snippet in self.ask(name, text, excluded).snippets]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session(tmp_path / "project")
    session.saw("lib/shapes.py", SHAPES)
    session.saw("main.py", HERE)
    return session


def test_names_are_within_the_workspace(session: Session) -> None:
    found = session.ask("main.py", HERE)
    assert found == Surroundings((Snippet("lib/shapes.py", SHAPES),), "main.py", "project")


def test_a_file_outside_of_any_workspace_sees_its_neighbours(tmp_path: Path) -> None:
    visits = Visits(lambda: 0.0)
    for name in ("here/a.py", "here/b.py", "there/c.py"):
        file = tmp_path / name
        at = Location(file, file.parent, is_in_workspace=False)
        visits.saw(at, Document.of(name, "python", 1, SHAPES))
    at = Location(tmp_path / "here/a.py", tmp_path / "here", is_in_workspace=False)
    found = asyncio.run(visits.surroundings("here/a.py", at, at_end(HERE)))
    assert found == Surroundings((Snippet("b.py", SHAPES),), "a.py", "")


def test_the_same_for_every_key_of_a_visit(session: Session) -> None:
    first = session.ask("main.py", HERE)
    for typed in ("", ")", ")\nmix_colours(red", ")\n" * 30):
        session.now += 60
        session.saw("main.py", HERE + typed, edited_line=3)
        session.saw("lib/colours.py", COLOURS + typed)  # by a formatter, in the background
        assert session.ask("main.py", HERE + typed) == first


def test_a_later_visit_sees_what_was_written_elsewhere(session: Session) -> None:
    session.ask("main.py", HERE)
    longer = SHAPES + "def ring_area(radius): ...\n"
    session.saw("lib/shapes.py", longer, edited_line=2)
    session.ask("lib/shapes.py", longer)
    assert session.ask("main.py", HERE).snippets[0].text == longer


def test_who_only_looks_elsewhere_comes_back_to_the_same_prompt(session: Session) -> None:
    session.saw("lib/colours.py", COLOURS)
    first = session.ask("main.py", HERE)
    session.saw("main.py", HERE + ")", edited_line=2)
    typed = HERE + ")\nmix_colours(red, green"
    session.ask("lib/colours.py", COLOURS)
    assert session.ask("main.py", typed) == first


def test_what_changes_by_itself_elsewhere_ends_no_visit(session: Session) -> None:
    """A log that is open in another window: each of its changes is warmed up."""
    first = session.ask("main.py", HERE)
    for number in range(3):
        text = f"circle_area = {number}\n"
        session.saw("area.log", text, edited_line=0)
        session.ask("area.log", text, is_idle=True)
        assert session.ask("main.py", HERE + "x" * number) == first


def test_what_was_warmed_up_is_what_is_asked(session: Session) -> None:
    session.ask("main.py", HERE)
    text = SHAPES + "area = circle_area(rad"
    session.saw("lib/shapes.py", text, edited_line=2)
    warmed = session.ask("lib/shapes.py", text, is_idle=True)
    assert session.ask("lib/shapes.py", text + "ius") == warmed
    assert warmed.snippets


def test_who_enters_twice_at_once_gets_the_same(session: Session) -> None:
    async def both() -> list[Surroundings]:
        at = session.location("main.py")
        asked = [
            asyncio.create_task(session.visits.surroundings("main.py", at, at_end(HERE + typed)))
            for typed in ("", ")\nmix_colours(red, green, blend")
        ]
        return await asyncio.gather(*asked)

    session.saw("lib/colours.py", COLOURS)
    first, second = asyncio.run(both())
    assert first == second == session.ask("main.py", HERE)


def test_no_file_of_the_disk_is_read_on_the_servers_thread(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def reading(path: Path, root: Path | None, excluded: tuple[str, ...]) -> bool:
        threads.append(threading.current_thread())
        return True

    monkeypatch.setattr("lsp_server.private_files.may_be_read", reading)
    session.ask("main.py", HERE)
    assert threads
    assert threading.main_thread() not in threads


def test_a_file_under_two_addresses_is_the_newest_of_both(session: Session) -> None:
    at = session.location("lib/shapes.py")
    newer = SHAPES.replace("PI", "TAU / 2")
    session.visits.saw(at, Document.of("lib/%73hapes.py", "python", 1, newer))
    (found,) = session.ask("main.py", HERE).snippets
    assert found.text == newer


@pytest.mark.parametrize("how", ["a pause", "a jump"])
def test_a_long_pause_or_jump_enters_anew(how: str, session: Session) -> None:
    session.saw("lib/colours.py", COLOURS)
    assert session.paths("main.py", HERE) == ["lib/shapes.py"]
    elsewhere = "\n" * (60 if how == "a jump" else 5) + "mix_colours(red, green"
    session.now += PAUSE_S + 1 if how == "a pause" else 0
    assert session.paths("main.py", elsewhere) == ["lib/colours.py"]


def test_typing_on_is_no_jump_however_far_it_leads(session: Session) -> None:
    session.saw("lib/colours.py", COLOURS)
    session.ask("main.py", HERE)
    for num_lines in range(1, 200, 8):
        text = HERE + "\n" * num_lines + "mix_colours(red, green"
        assert session.paths("main.py", text) == ["lib/shapes.py"]


def test_only_files_visited_last_are_kept(session: Session) -> None:
    for number in range(MAX_FILES):
        session.saw(f"{number}.py", "nothing = 1\n")
    assert session.paths("main.py", HERE) == []


def test_only_what_belongs_to_the_same_folder(session: Session, tmp_path: Path) -> None:
    at = Location(tmp_path / "project/inner/deep.py", tmp_path / "project/inner")
    session.visits.saw(at, Document.of("deep", "python", 1, SHAPES))
    assert session.paths("main.py", HERE) == ["lib/shapes.py"]


def test_a_file_moves_with_the_folders_of_the_workspace(session: Session) -> None:
    inner = replace(session.location("lib/shapes.py"), root=session.root / "lib")
    session.visits.saw(inner, Document.of("lib/shapes.py", "python", 2, SHAPES))
    assert session.paths("main.py", HERE) == []


# Privacy


def test_what_is_left_out(session: Session) -> None:
    session.root.mkdir()
    (session.root / ".gitignore").write_text("build/\n")
    for name in (".env", "build/made.py", "private/own.py", "id_rsa", "conf/secrets.yaml"):
        session.saw(name, SHAPES)
    assert session.paths("main.py", HERE, ("private/**",)) == ["lib/shapes.py"]
    assert session.paths("main.py", HERE, ("lib/**",)) == ["private/own.py"]


SECRET = "SECRET"
NAMES = ["a.py", "b.py", "lib/c.py", ".env", "conf/.env.local", "id_rsa", "secrets.toml", "k.pem"]
IS_SECRET = {name: name not in NAMES[:3] for name in NAMES}
STEPS = st.lists(
    st.tuples(st.sampled_from(["edit", "ask"]), st.sampled_from(NAMES), st.integers(0, 400)),
    max_size=30,
)


@given(STEPS)
def test_no_secret_ever_appears_and_a_visit_never_changes(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    session = Session(tmp_path_factory.getbasetemp() / "project")
    for name in NAMES:
        session.saw(name, SHAPES + (f"{SECRET} = radius\n" if IS_SECRET[name] else ""))
    here, before = "", Surroundings()
    for what, name, number in steps:
        if what == "edit":
            text = f"{SHAPES}area_{number} = radius\n" + SECRET * IS_SECRET[name]
            session.saw(name, text, edited_line=2)
            continue
        found = session.ask(name, HERE + f" + x{number}")
        assert all(not IS_SECRET[snippet.path] for snippet in found.snippets)
        assert SECRET not in "".join(snippet.text for snippet in found.snippets)
        assert name not in [snippet.path for snippet in found.snippets]
        assert name != here or found == before
        here, before = name, found
