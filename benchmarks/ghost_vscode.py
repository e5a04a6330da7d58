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
from benchmarks.ghost_page import Record, questions, read
from benchmarks.ghost_server import recording, said
from benchmarks.ghost_text import Sample
from tests.editors.get_vscode import NoVSCodeError, Tools, tools
from tests.editors.vscode_driver import Window, running

RECORDER = Path(__file__).with_name("ghost_recorder.js")
SETTINGS: Mapping[str, object] = {
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
    """A typist with one workbench, whose server begins anew for every run. Raises NoVSCodeError."""
    with (
        tempfile.TemporaryDirectory() as folder,
        workbench_on(
            sample, environment, Path(folder) / "record", with_plugin=with_plugin
        ) as window,
    ):
        record, line = Path(folder) / "record", len(sample.before) - 1
        is_used = False

        def type_anew(keys: Sequence[str], delay_ms: float) -> list[Key]:
            nonlocal is_used
            if is_used:
                _begin_anew(window, sample, record if with_plugin else None)
            is_used = True
            record.unlink(missing_ok=True)
            type_each(window, keys, delay_ms)
            return read(keys, recorded(window), delay_ms, said(record), line)

        yield type_anew


@contextmanager
def workbench_on(
    sample: Sample, environment: Mapping[str, str], record: Path, *, with_plugin: bool
) -> Iterator[Window]:
    """A workbench with the recorder that shows the file, with the model loaded and the cursor where
    the sample is to be typed. record: where the server writes. Raises NoVSCodeError.
    """
    settings = {**SETTINGS, "fimbria.server.command": recording(record)}
    with (
        tempfile.TemporaryDirectory() as home,
        running(_tools(), Path(home), settings, environment, extension=with_plugin) as window,
    ):
        window.open(sample.name, sample.around)
        window.call("evaluate", RECORDER.read_text(encoding="utf-8"))
        if with_plugin:
            _wait_for_model(window)
        _go_behind(window, sample.before)
        yield window


def _begin_anew(window: Window, sample: Sample, record: Path | None) -> None:
    """Take back what was typed, and have a server that knows nothing of it. record: where it
    writes; None without any.
    """
    _command(window, "File: Revert File")
    window.call("waitFor", ".tab.active:not(.dirty)")
    if record is not None:
        record.unlink(missing_ok=True)
        _command(window, "Fimbria: Restart Server")
        window.until(record.exists, "the new server's record")
        _wait_for_model(window)
    _go_behind(window, sample.before)


def _command(window: Window, title: str) -> None:
    window.press("F1")
    window.call("waitFor", ".quick-input-widget input")
    window.type(title, 5)
    window.call("waitFor", f'.quick-input-list .monaco-list-row.focused:has-text("{title}")')
    window.press("Enter")


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
    """Ask for ghost text until there is an answer."""
    window.wait_for_status("ready")
    window.call("evaluate", "ghostRecorder.begin()")
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
    *_, (_, _, _, text, _) = (record for record in recorded(window) if record[0] == "frame")
    return str(text)
