"""VS Code with a server that answers what and when the test says."""

from __future__ import annotations

import os
import signal
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
    home = tmp_path_factory.mktemp("vscode")
    with workbench(home, stub.command) as window:
        yield window


@pytest.fixture
def window(shared_window: Window, stub: Stub, request: pytest.FixtureRequest) -> Window:
    """The workbench on a new file; the server suggests `one two` and has seen nothing."""
    stub.suggest("one two")
    shared_window.open(f"{request.node.name}.txt", "x\n")
    shared_window.wait_for_status("ready")
    stub.forget()
    return shared_window


def test_an_answer_after_the_editors_patience_is_shown(window: Window, stub: Stub) -> None:
    """VS Code itself gives up after 750 ms and would never show it."""
    stub.hold()
    window.type("a")
    window.until(lambda: stub.seen("asked Automatic"), "the request")
    window.wait_for_status("thinking")
    stub.release()
    assert window.wait_for_ghost() == "one two"
    assert not stub.seen("cancelled")
    assert len(stub.seen("asked")) == 1
    accept(window, stub)
    window.wait_for_line("aone two")


def accept(window: Window, stub: Stub) -> None:
    """Accept all. Nothing is suggested then, which would be drawn behind it in its line."""
    stub.suggest()
    window.press("Tab")


def test_typing_on_ends_what_was_asked_before(window: Window, stub: Stub) -> None:
    stub.hold()
    window.type("a")
    window.until(lambda: stub.seen("asked"), "the first request")
    window.type("b")
    window.until(lambda: stub.seen("cancelled"), "the end of the first request")
    window.until(lambda: len(stub.seen("asked")) == 2, "the second request")
    stub.release()
    assert window.wait_for_ghost() == "one two"
    accept(window, stub)
    window.wait_for_line("abone two")


def test_accepting_right_after_typing(window: Window, stub: Stub) -> None:
    window.type("a")
    window.wait_for_ghost()
    stub.hold()  # what is asked with the next key comes too late
    window.type("o", 0)
    accept(window, stub)
    window.wait_for_line("aone two")
    stub.release()


def test_undo_takes_back_what_was_accepted_and_nothing_else(window: Window, stub: Stub) -> None:
    window.type("a")
    window.wait_for_ghost()
    accept(window, stub)
    window.wait_for_line("aone two")
    window.press("Control+z")
    window.press("Escape")
    window.wait_for_line("a")


def test_a_word_is_accepted_and_the_rest_stays(window: Window) -> None:
    window.type("a ")
    window.wait_for_ghost()
    window.press("Control+ArrowRight")
    window.wait_for_line("a one two")
    window.until(lambda: window.ghost().strip() == "two", "the rest as ghost text")


def test_a_line_is_accepted_and_the_rest_stays(window: Window, stub: Stub) -> None:
    stub.suggest("one\ntwo")
    window.type("a")
    window.until(lambda: window.ghost() == "one\ntwo", "both lines")
    window.press("Alt+End")
    window.wait_for_line("aone")
    window.until(lambda: window.ghost() == "two", "the rest as ghost text")


def test_candidates_when_asked_for(window: Window, stub: Stub) -> None:
    stub.suggest("first", "second")
    window.press("Escape")
    window.press("Alt+Backslash")
    window.until(lambda: window.ghost() == "first", "the first candidate")
    window.press("Alt+BracketRight")
    window.until(lambda: window.ghost() == "second", "the second candidate")


def test_candidates_of_a_slow_model(window: Window, stub: Stub) -> None:
    stub.suggest("first", "second")
    stub.hold()
    window.type("a")
    window.wait_for_status("thinking")
    stub.release()
    window.until(lambda: window.ghost() == "first", "the late answer")
    window.press("Alt+BracketRight")
    window.until(lambda: window.ghost() == "second", "the second candidate")


def test_switched_off_and_on_again(window: Window, stub: Stub) -> None:
    window.type("a")
    window.wait_for_ghost()
    window.run_command("Fimbria: Switch Ghost Text On or Off")
    window.wait_for_status("paused: ghost text is switched off")
    window.until(lambda: not window.ghost(), "the end of what was drawn")
    only_wishes_are_granted(window, stub)
    window.run_command("Fimbria: Switch Ghost Text On or Off")
    window.wait_for_status("ready")
    assert window.wait_for_ghost() == "one two"
    assert len(stub.seen("asked Automatic")) == 1


def test_a_snooze_and_its_end(window: Window, stub: Stub) -> None:
    window.type("a")
    window.wait_for_ghost()
    window.run_command("Fimbria: Snooze Ghost Text…")
    window.call("click", '.quick-input-list .monaco-list-row:has-text("15 minutes")')
    window.wait_for_status("paused: snoozed until")
    window.until(lambda: not window.ghost(), "the end of what was drawn")
    only_wishes_are_granted(window, stub)
    window.run_command("Fimbria: Resume Ghost Text")
    window.wait_for_status("ready")
    assert window.wait_for_ghost() == "one two"


def test_switched_off_for_a_language(window: Window, stub: Stub) -> None:
    window.set("fimbria.languages", {"plaintext": False})
    window.wait_for_status("paused: switched off for plaintext")
    only_wishes_are_granted(window, stub)
    window.set("fimbria.languages", {})
    window.wait_for_status("ready")
    assert window.wait_for_ghost() == "one two"


@pytest.mark.parametrize(
    ("name", "off", "on"),
    [
        ("editor.inlineSuggest.enabled", False, True),
        ("[plaintext]", {"editor.inlineSuggest.enabled": False}, {}),
    ],
    ids=["everywhere", "in-a-language"],
)
def test_the_editors_own_switch_is_heeded(
    window: Window, stub: Stub, name: str, off: object, on: object
) -> None:
    window.set(name, off)
    window.wait_for_status("paused: editor.inlineSuggest.enabled is off")
    only_wishes_are_granted(window, stub)
    window.set(name, on)
    window.wait_for_status("ready")


def only_wishes_are_granted(window: Window, stub: Stub) -> None:
    """Type at the pace of a person, then ask; only that is asked for. Then take it away."""
    stub.forget()
    window.type("bcd", 200)
    window.press("Alt+Backslash")
    window.until(lambda: stub.seen("asked"), "the explicit request")
    assert stub.seen("asked") == stub.seen("asked Invoked")
    stub.forget()
    window.press("Escape")


def test_settings_reach_the_running_server(window: Window, stub: Stub) -> None:
    window.set("fimbria.maxTokens", 17)
    window.until(lambda: any("17" in line for line in stub.seen("settings")), "the new setting")
    assert not stub.seen("started")


def test_a_killed_server_is_started_again(window: Window, stub: Stub) -> None:
    window.run_command("Fimbria: Restart Server")
    window.until(lambda: stub.seen("started"), "a new server")
    window.wait_for_status("ready")
    (started,) = stub.seen("started")
    window.type("k")  # no word of an open file begins so: a menu of words would be in the way
    window.wait_for_ghost()
    stub.hold("hold-start")
    stub.forget()
    os.kill(int(started.split()[1]), signal.SIGKILL)
    window.wait_for_status("is started again")
    window.type("j")
    window.wait_for_line("kj")
    stub.release("hold-start")
    assert window.wait_for_ghost() == "one two"
    assert stub.seen("asked") == ["asked Automatic 1:2"]


def test_what_was_drawn_when_the_server_was_killed(window: Window, stub: Stub) -> None:
    window.run_command("Fimbria: Restart Server")
    window.until(lambda: stub.seen("started"), "a new server")
    window.wait_for_status("ready")
    window.type("h")
    window.wait_for_ghost()
    (started,) = stub.seen("started")
    os.kill(int(started.split()[1]), signal.SIGKILL)
    window.until(lambda: len(stub.seen("started")) == 2, "another server")
    window.wait_for_status("ready")
    assert window.wait_for_ghost() == "one two"
    accept(window, stub)
    window.wait_for_line("hone two")


def test_what_was_typed_before_the_server_was_ready_is_answered(window: Window, stub: Stub) -> None:
    """VS Code asks only while somebody types, and then nobody was there to be asked."""
    stub.hold("hold-start")
    window.run_command("Fimbria: Restart Server")
    window.wait_for_status("starting")
    window.type("q")
    window.wait_for_line("q")
    stub.release("hold-start")
    assert window.wait_for_ghost() == "one two"
    assert stub.seen("asked") == ["asked Automatic 1:1"]


def test_the_first_steps_sample_is_typed_and_answered(window: Window, stub: Stub) -> None:
    window.run_command("Fimbria: Show First Steps")
    window.call("click", '.getting-started-step:has-text("Accept a suggestion")')
    window.call(
        "click", '.getting-started-step:has-text("Open a file to try it in") .monaco-button'
    )
    window.until(lambda: "asked Automatic 2:9" in stub.seen("asked"), "what a typed key asks")
    assert window.wait_for_ghost() == "one two"
    accept(window, stub)
    window.wait_for_line("logger = one two")


def test_without_a_server_it_offers_to_install_one(window: Window, stub: Stub) -> None:
    window.set("fimbria.server.command", [])
    window.wait_for_status("not installed")
    window.call("waitFor", '.notification-toast:has-text("server was not found")')
    window.screenshot("install")
    window.set("fimbria.server.command", stub.command)
    window.wait_for_status("ready")
