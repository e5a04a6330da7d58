"""Ghost text in VS Code beside several cursors, a menu, a snippet, and several folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.editors.vscode_driver import Window, another_window
from tests.editors.vscode_fixtures import Stub, new_stub, vscode_tools, workbench

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

MENU = ".suggest-widget.visible"
SNIPPET = {"Call": {"prefix": "call", "body": "call($1, ${2:last})$0", "description": "of ours"}}


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Stub:
    return new_stub(tmp_path_factory.mktemp("stub"))


@pytest.fixture(scope="module")
def shared_window(tmp_path_factory: pytest.TempPathFactory, stub: Stub) -> Iterator[Window]:
    home = tmp_path_factory.mktemp("vscode")
    with workbench(home, stub.command) as window:
        snippets = window.folder / ".vscode" / "ours.code-snippets"
        snippets.parent.mkdir()
        snippets.write_text(json.dumps(SNIPPET), encoding="utf-8")
        yield window


@pytest.fixture
def window(shared_window: Window, stub: Stub, request: pytest.FixtureRequest) -> Window:
    """The workbench on a new file whose first line is `foobar`."""
    stub.suggest("one two")
    shared_window.open(f"{request.node.name}.txt", "foobar\n")
    shared_window.wait_for_status("ready")
    stub.forget()
    return shared_window


def test_several_cursors(window: Window, stub: Stub) -> None:
    """VS Code asks at the first one, draws the answer at each, and inserts it at each."""
    two_cursors(window)
    window.type("a")
    window.until(lambda: window.ghost() == "one twoone two", "ghost text at both cursors")
    stub.suggest()
    window.press("Tab")
    window.until(lambda: window.lines()[1:] == ["aone two", "aone two"], "both lines")
    window.type("!")
    window.until(lambda: window.lines()[1:] == ["aone two!", "aone two!"], "both cursors")
    assert all(" 2:" in line for line in stub.seen("asked"))


def test_a_late_answer_at_several_cursors(window: Window, stub: Stub) -> None:
    """What is typed begins no word of an open file: beside the menu of words the answer differs."""
    two_cursors(window)
    stub.hold()
    window.type("y")
    window.wait_for_status("thinking")
    stub.release()
    window.until(lambda: window.ghost() == "one twoone two", "ghost text at both cursors")


def two_cursors(window: Window) -> None:
    """Put the first cursor into the last line, and a second one above it."""
    window.press("Enter")
    window.press("Escape")
    window.run_command("Add Cursor Above")
    window.until(lambda: window.call("count", ".cursors-layer .cursor") == 2, "two cursors")


def test_an_entry_that_is_selected_in_a_menu_is_completed(window: Window, stub: Stub) -> None:
    stub.suggest("foobar(1)")
    window.type("foo")
    window.press("Control+Space")
    window.call("waitFor", MENU)
    window.until(lambda: "selected foobar" in stub.seen("selected"), "a request with the entry")
    window.until(lambda: window.ghost() == "bar(1)", "the entry and more as ghost text")
    window.screenshot("menu-open")
    window.press("Tab")
    window.wait_for_line("foobar")
    window.until(lambda: not window.call("count", MENU), "the menu's end")


def test_a_late_answer_beside_an_open_menu(window: Window, stub: Stub) -> None:
    stub.suggest("foobar(1)")
    stub.hold()
    window.type("foo")
    window.press("Control+Space")
    window.call("waitFor", MENU)
    window.until(lambda: stub.seen("selected foobar"), "a request with the entry")
    window.wait_for_status("thinking")
    stub.release()
    window.until(lambda: window.ghost() == "bar(1)", "the entry and more as ghost text")
    assert window.call("count", MENU)


def test_a_snippets_keys_are_its_own(window: Window, stub: Stub) -> None:
    """VS Code draws no ghost text inside a snippet unless it is told to, though it asks."""
    insert_snippet(window, stub)
    window.type("q")
    window.until(lambda: stub.seen("asked"), "a request")
    window.wait_for_status("ready")
    window.press("Tab")
    window.type("z")
    window.press("Tab")
    window.wait_for_line("call(q, z)")
    window.type("!")
    assert window.wait_for_ghost() == "one two"


def test_inside_a_snippet_where_it_is_wanted(window: Window, stub: Stub) -> None:
    window.set("editor.inlineSuggest.suppressInSnippetMode", False)
    window.set("fimbria.maxTokens", 17)
    window.until(lambda: any("17" in line for line in stub.seen("settings")), "the settings")
    insert_snippet(window, stub)
    window.type("v")
    assert window.wait_for_ghost() == "one two"
    stub.suggest()
    window.press("Tab")
    window.wait_for_line("call(vone two, last)")
    window.press("Tab")
    window.type("z")
    window.wait_for_line("call(vone two, z)")


def insert_snippet(window: Window, stub: Stub) -> None:
    """Insert `call(|, last)`; the server has then seen nothing.

    What is typed into it must begin no word of an open file, or the menu of words takes Tab.
    """
    stub.suggest()
    window.run_command("Snippets: Insert Snippet")
    window.call("click", '.quick-input-list .monaco-list-row:has-text("of ours")')
    window.wait_for_line("call(, last)")
    stub.suggest("one two")
    stub.forget()


def test_a_workspace_of_several_folders(shared_window: Window, stub: Stub, tmp_path: Path) -> None:
    """One server for all folders."""
    workspace = tmp_path / "both.code-workspace"
    folders = [tmp_path / "first", tmp_path / "second"]
    workspace.write_text(json.dumps({"folders": [{"path": folder.name} for folder in folders]}))
    for folder in folders:
        folder.mkdir()
        (folder / f"{folder.name}.txt").touch()
    stub.suggest("one two")
    stub.forget()
    with another_window(vscode_tools(), shared_window, folders[0], workspace) as window:
        for folder in folders:
            replace(window, folder=folder).open(f"{folder.name}.txt", "x\n")
            window.wait_for_status("ready")
            window.type("a")
            assert window.wait_for_ghost() == "one two"
            window.press("Tab")
            window.wait_for_line("aone two")
        assert len(stub.seen("started")) == 1
        assert stub.seen("folders") == ["folders ['first', 'second']"]
        window.screenshot("folders")
