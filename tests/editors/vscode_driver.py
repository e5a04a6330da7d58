"""Drives VS Code's workbench in a browser as a person would: keys in, the drawn page out."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from tests.editors.get_neovim import cache_folder
from tests.editors.get_vscode import Tools
from tests.editors.waiting import until_within

BROWSER = Path(__file__).with_name("vscode_browser.mjs")
PATIENCE_S = 40.0
GHOST_FIRST_LINE = '.view-line [class*="ghost-text-decoration"]'
GHOST_MORE_LINES = ".view-zones .suggest-preview-text"
SETTINGS = {
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "telemetry.telemetryLevel": "off",
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "extensions.ignoreRecommendations": True,
    "update.mode": "none",
    "chat.disableAIFeatures": True,
    "editor.minimap.enabled": False,
    "editor.fontFamily": "DejaVu Sans Mono",
    "files.autoSave": "off",
    "git.enabled": False,
}

T = TypeVar("T")


def until(condition: Callable[[], T], what: str) -> T:
    """Return the first true value of `condition`; fail with `what` was expected."""
    return until_within(PATIENCE_S, 0.05, condition, what)


@dataclass(frozen=True, slots=True)
class Window:
    """A workbench on a folder.

    settings_file: the machine's settings; VS Code watches it.
    workspace: a workspace file, to be opened in place of the folder.
    """

    browser: subprocess.Popen[str]
    address: str
    folder: Path
    settings_file: Path
    workspace: Path | None = None

    def call(self, name: str, *arguments: object) -> Any:
        """Have the browser do something. Raises AssertionError with what it says went wrong."""
        assert self.browser.stdin is not None
        assert self.browser.stdout is not None
        self.browser.stdin.write(json.dumps({"call": name, "args": arguments}) + "\n")
        self.browser.stdin.flush()
        line = self.browser.stdout.readline()
        assert line, "the browser has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def open(self, name: str, text: str) -> Path:
        """Open a file of the folder with a text, and put the cursor at its end."""
        path = self.show(name, text)
        self.call("waitFor", ".monaco-editor .view-lines")
        self.call("click", ".monaco-editor .view-lines")
        self.press("Control+End")
        return path

    def show(self, name: str, text: str) -> Path:
        """Open a file of the folder with a text, in whatever editor it has."""
        path = self.folder / name
        path.write_bytes(text.encode())
        if not self.call("isOpen"):
            self.begin(self.place())
        self.press("Control+Shift+E")  # the explorer
        self.call("doubleClick", f'.explorer-folders-view [role="treeitem"][aria-label="{name}"]')
        self.call("waitFor", f'.tab.active[data-resource-name="{name}"]')
        return path

    def begin(self, place: str) -> None:
        """Open the workbench on what its address says."""
        self.call("open", f"http://{self.address}/?{place}")
        self.call("waitFor", ".monaco-workbench")

    def place(self) -> str:
        """Return what to open, in the way that the workbench's address says it."""
        if self.workspace is not None:
            return f"workspace={quote(str(self.workspace))}"
        return f"folder={quote(str(self.folder))}"

    def type(self, text: str, delay_ms: int = 30) -> None:
        self.call("type", text, delay_ms)

    def press(self, key: str) -> None:
        self.call("press", key)

    def ghost(self) -> str:
        """Return the ghost text that is drawn, a line break between lines."""
        first = "".join(self.call("texts", GHOST_FIRST_LINE))
        return "\n".join([first, *self.call("texts", GHOST_MORE_LINES)]).rstrip()

    def until(self, condition: Callable[[], T], what: str) -> T:
        """Wait as the function does; keep a picture when it fails."""
        try:
            return until(condition, what)
        except AssertionError:
            self.screenshot("failed")
            raise

    def wait_for_ghost(self) -> str:
        return self.until(self.ghost, "ghost text on the screen")

    def status(self) -> str:
        """Return the status bar item's words, as a screen reader gets them."""
        found = self.call("attribute", '.statusbar-item[id*="fimbria.status"] a', "aria-label")
        return str(found or "")

    def wait_for_status(self, words: str) -> None:
        self.until(lambda: words in self.status(), f"{words!r} in the status bar")

    def run_command(self, title: str) -> None:
        """Run a command of ours by its title in the palette."""
        self.wait_for_status("Fimbria")  # before that the palette does not have it
        row = f'.quick-input-list .monaco-list-row.focused:has-text("{title}")'
        for _ in range(3):  # a view that takes the focus just then closes the palette
            self.press("F1")
            self.call("waitFor", ".quick-input-widget input")
            self.type(title, 5)
            with suppress(AssertionError):
                until_within(10, 0.05, lambda: self.call("count", row), title)
                break
        self.call("waitFor", row)
        self.press("Enter")

    def messages(self) -> list[str]:
        """Return the messages that are shown, with their buttons."""
        return [str(text) for text in self.call("texts", ".notification-toast")]

    def screenshot(self, name: str) -> Path:
        """Keep a picture of the page in the test cache."""
        path = cache_folder() / "screenshots" / f"vscode-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.call("screenshot", str(path))
        return path

    def lines(self) -> list[str]:
        """Return the lines that are drawn, ghost text's first one as part of its line."""
        return [str(line) for line in self.call("lines")]

    def wait_for_line(self, line: str) -> None:
        self.until(lambda: line in self.lines(), f"the line {line!r}")

    def saved(self, path: Path) -> str:
        """Save, wait until that is done, and return what the file then holds."""
        self.press("Control+s")
        self.call("waitFor", ".tab.active:not(.dirty)")
        return path.read_bytes().decode()

    def set(self, name: str, value: object) -> None:
        """Change a setting while the workbench runs."""
        settings = json.loads(self.settings_file.read_text(encoding="utf-8"))
        self.settings_file.write_text(json.dumps({**settings, name: value}), encoding="utf-8")


@contextmanager
def running(
    tools: Tools,
    home: Path,
    settings: Mapping[str, object],
    environment: Mapping[str, str] | None = None,
    *,
    extension: bool = True,
    trusts: bool = True,
) -> Iterator[Window]:
    """Run a workbench with our extension installed and nothing kept from anywhere else.

    settings: of the machine, where VS Code expects what a workspace must not set.
    extension: False for a workbench without ours.
    trusts: False for Restricted Mode, until somebody says that the folder can be trusted.
    """
    folder = home / "project"
    folder.mkdir()
    write_settings(home / "data" / "User", SETTINGS)
    settings_file = write_settings(home / "data" / "Machine", settings)
    surroundings = {**tools.environment(), **(environment or {})}
    if extension:
        install_extension(tools, home, surroundings)
    address = f"127.0.0.1:{free_port()}"
    with (
        serving(tools, home, address, surroundings, trusts=trusts),
        browsing(tools, surroundings) as browser,
    ):
        yield Window(browser, address, folder, settings_file)


@contextmanager
def another_window(
    tools: Tools, window: Window, folder: Path, workspace: Path | None = None
) -> Iterator[Window]:
    """Open a second window of a running workbench; it has an extension host of its own."""
    with browsing(tools, tools.environment()) as browser:
        yield replace(window, browser=browser, folder=folder, workspace=workspace)


def write_settings(folder: Path, settings: Mapping[str, object]) -> Path:
    folder.mkdir(parents=True)
    path = folder / "settings.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def install_extension(tools: Tools, home: Path, environment: Mapping[str, str]) -> None:
    """Install the package as a user would."""
    command = [*code_server(tools, home), "--install-extension", str(tools.extension)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=PATIENCE_S)


def code_server(tools: Tools, home: Path) -> list[str]:
    folders = ["--user-data-dir", str(home / "data"), "--extensions-dir", str(home / "extensions")]
    return [str(tools.node), str(tools.entry), "--config", os.devnull, *folders]


@contextmanager
def serving(
    tools: Tools, home: Path, address: str, environment: Mapping[str, str], *, trusts: bool
) -> Iterator[None]:
    """Run code-server at an address."""
    options = ["--auth", "none", "--bind-addr", address, "--disable-telemetry"]
    options += ["--disable-update-check", *(["--disable-workspace-trust"] if trusts else [])]
    with (home / "code-server.log").open("wb") as log:
        process = subprocess.Popen(
            [*code_server(tools, home), *options, "--disable-getting-started-override"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until(lambda: answers(f"http://{address}/healthz"), "code-server's answer")
        yield
    finally:
        end_group(process)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started: extension hosts outlive their server."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def browsing(tools: Tools, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a browser that takes orders."""
    process = subprocess.Popen(
        [str(tools.node), str(BROWSER), str(tools.packages), str(tools.chromium())],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=PATIENCE_S)
        if process.stdout is not None:
            process.stdout.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
