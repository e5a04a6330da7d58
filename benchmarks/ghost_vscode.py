"""Typing into a real VS Code at a steady pace, and what its page shows after each key.

It is the workbench in a headless browser; the keys come from Playwright, and one clock, the page's,
times them and what is drawn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ghost_keys import Key, Typist
from benchmarks.ghost_page import Record, outcomes, questions
from benchmarks.ghost_text import SERVER, Sample
from tests.editors.get_vscode import NoVSCodeError, Tools, tools
from tests.editors.vscode_driver import Window, running

RECORDER = Path(__file__).with_name("ghost_recorder.js")
SETTINGS: Mapping[str, object] = {
    "fimbria.server.command": list(SERVER),
    "editor.inlineSuggest.logFetch": True,
    # What is typed is what comes to be there, as in the measured Neovim.
    "editor.autoIndent": "none",
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "editor.suggestOnTriggerCharacters": False,
    "editor.cursorBlinking": "solid",
}


OFF_BEAT_MS = 1000 / 60 / 16
"""Added to the pace: 150 ms are nine of the browser's frames, and each key would be as far from the
next frame as the one before.
"""


@contextmanager
def vscode_typist(
    sample: Sample, environment: Mapping[str, str], *, with_plugin: bool
) -> Iterator[Typist]:
    """A typist whose every run has a workbench of its own. Raises NoVSCodeError."""

    def type_anew(keys: Sequence[str], delay_ms: float) -> list[Key]:
        with workbench_on(sample, environment, with_plugin=with_plugin) as window:
            type_each(window, keys, delay_ms)
            return outcomes(keys, recorded(window), delay_ms)

    yield type_anew


@contextmanager
def workbench_on(
    sample: Sample, environment: Mapping[str, str], *, with_plugin: bool
) -> Iterator[Window]:
    """A workbench with the recorder that shows the file, with the model loaded and the cursor where
    the sample is to be typed. Raises NoVSCodeError.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        running(_tools(), Path(home), SETTINGS, environment, extension=with_plugin) as window,
    ):
        window.open(sample.name, sample.around)
        window.call("evaluate", RECORDER.read_text(encoding="utf-8"))
        if with_plugin:
            _wait_for_model(window)
        _go_behind(window, sample.before)
        yield window


def type_each(window: Window, keys: Sequence[str], delay_ms: float) -> None:
    """Type keys at a pace; the recorder forgets what was before them."""
    window.call("evaluate", "ghostRecorder.begin()")
    window.call("typeEach", keys, delay_ms + OFF_BEAT_MS)


def recorded(window: Window) -> list[Record]:
    """What the page has written down since it last began."""
    return list(window.call("evaluate", "ghostRecorder.records"))


def _tools() -> Tools:
    found = tools()
    missing = found.missing()
    if missing:
        raise NoVSCodeError(f"{', '.join(missing)}: run python -m tests.editors.get_vscode")
    return found


def _wait_for_model(window: Window) -> None:
    """Ask for ghost text until there is some, at the end of the file."""
    window.wait_for_status("ready")
    window.run_command("Fimbria: Suggest Here")

    def is_there() -> bool:
        return any(one.num_suggestions >= 0 for one in questions(recorded(window)))

    window.until(is_there, "the model")
    window.wait_for_status("ready")
    window.press("Escape")


def _go_behind(window: Window, lines: Sequence[str]) -> None:
    """Put the cursor at the end of some first lines."""
    window.press("Control+g")
    window.call("waitFor", ".quick-input-widget input")
    window.type(str(len(lines)), 0)
    window.press("Enter")
    window.press("End")
    window.until(lambda: _row(window) == lines[-1], "the line before the typed ones")


def _row(window: Window) -> str:
    """The text of the cursor's line, as the recorder sees it."""
    window.call("evaluate", "ghostRecorder.begin()")
    return str(recorded(window)[-1][3])
