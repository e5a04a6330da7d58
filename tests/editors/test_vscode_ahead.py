"""The extension asks the server ahead of VS Code, and each question comes once all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editors.vscode_driver import Window
from tests.editors.vscode_fixtures import Stub, new_stub, workbench

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Stub:
    return new_stub(tmp_path_factory.mktemp("stub"))


@pytest.fixture(scope="module")
def shared_window(tmp_path_factory: pytest.TempPathFactory, stub: Stub) -> Iterator[Window]:
    with workbench(tmp_path_factory.mktemp("vscode"), stub.command) as window:
        yield window


@pytest.fixture
def window(shared_window: Window, stub: Stub, request: pytest.FixtureRequest) -> Window:
    """The workbench in the second line of a new file; nothing was asked."""
    shared_window.open(f"{request.node.name}.txt", "x\n")
    shared_window.wait_for_status("ready")
    stub.forget()
    return shared_window


def type_answered(window: Window, stub: Stub, text: str, answer: str) -> None:
    stub.suggest(answer)
    window.type(text, 5)
    window.until(lambda: window.ghost() == answer, f"ghost text {answer!r}")


def asked(stub: Stub) -> list[int]:
    """The columns that were asked about."""
    return [int(line.rpartition(":")[2]) for line in stub.seen("asked Automatic")]


def test_each_key_is_asked_about_once(window: Window, stub: Stub) -> None:
    for key in "abcdef":
        type_answered(window, stub, key, f"{key} one")
    assert asked(stub) == [1, 2, 3, 4, 5, 6]


def test_a_burst_leaves_its_last_key_answered(window: Window, stub: Stub) -> None:
    type_answered(window, stub, "a", "one")
    type_answered(window, stub, "bcdefgh", "two")
    places = asked(stub)
    assert places[-1] == 8
    assert len(places) == len(set(places))
