"""Drives a real Neovim as a person would: keys in, the drawn screen out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.editors.neovim_screen import PATIENCE_S, Cell, EmbeddedNeovim
from tests.editors.waiting import until_within

PLUGIN = Path(__file__).resolve().parents[2] / "editors" / "neovim"
STUB_SERVER = (sys.executable, str(Path(__file__).with_name("stub_server.py")))
GHOST_COLOR = 0x6B7A90
"""A colour that nothing else on the screen has."""

FOOBAR = {"after": "fo", "text": "obar"}
NO_ANSWER = {"after": "", "text": "never", "hold": True}
"""Comes last: every other request stays without an answer."""

T = TypeVar("T")


def until(condition: Callable[[], T], what: str) -> T:
    """Return the first true value of `condition`; fail with `what` was expected."""
    return until_within(PATIENCE_S, 0.01, condition, what)


def is_ghost(cell: Cell) -> bool:
    return cell.attributes.get("foreground") == GHOST_COLOR


@dataclass(frozen=True, slots=True)
class Editor:
    """A running Neovim with a screen."""

    rpc: EmbeddedNeovim

    def keys(self, keys: str) -> None:
        """Type keys in Neovim's notation: `<Tab>`, `<Esc>`, `<lt>` for `<`."""
        self.rpc.call("nvim_input", keys)

    def command(self, command: str) -> None:
        self.rpc.call("nvim_command", command)

    def lua(self, code: str, *arguments: object) -> Any:
        return self.rpc.call("nvim_exec_lua", code, arguments)

    def lines(self) -> list[str]:
        return list(self.rpc.call("nvim_buf_get_lines", 0, 0, -1, True))

    def draw_ghost_apart(self) -> None:
        """Give ghost text the colour by which it is found on the screen."""
        self.command(f"highlight FimbriaGhost guifg=#{GHOST_COLOR:06x}")

    def cells(self) -> list[list[Cell]]:
        """Return every cell of the screen as it is drawn."""
        self.command("redraw")
        return self.rpc.screen.cells()

    def screen(self) -> list[str]:
        """Return the rows of the screen, without the blanks at their ends."""
        return ["".join(cell.text for cell in row).rstrip() for row in self.cells()]

    def drawn(self) -> list[str]:
        """Return the rows that show the buffer, ghost text included."""
        rows = self.screen()[:-2]
        return [row for row in rows if not row.startswith("~")]

    def ghost(self) -> str:
        """Return the ghost text on the screen, a line break between rows; empty without any."""
        rows = ["".join(cell.text for cell in row if is_ghost(cell)) for row in self.cells()]
        return "\n".join(row.rstrip() for row in rows if row)

    def wait_for_ghost(self, text: str) -> None:
        until(lambda: self.ghost() == text, f"ghost text {text!r} on the screen")

    def wait_for_lines(self, *lines: str) -> None:
        until(lambda: self.lines() == list(lines), f"the buffer {lines!r}")

    def wait_for_mode(self, mode: str) -> None:
        until(lambda: self.rpc.call("nvim_get_mode")["mode"] == mode, f"mode {mode}")

    def messages(self) -> str:
        return str(self.rpc.call("nvim_exec2", "messages", {"output": True})["output"])

    def wait_for_server(self) -> None:
        """Wait until Fimbria answers for the current buffer."""
        until(
            lambda: self.lua(
                """
                local client = vim.lsp.get_clients({ bufnr = 0, name = 'fimbria' })[1]
                return client ~= nil and client.initialized
                  and require('fimbria.ghost').is_attached(0)
                """
            ),
            "the language server attached",
        )

    def open(self, path: Path) -> None:
        """Edit a file and wait until Fimbria answers for it."""
        self.command(f"edit {path}")
        self.wait_for_server()

    def request(self, method: str, **parameters: object) -> Any:
        """Send a request to Fimbria's server and return its result."""
        return self.lua(
            """
            local method, params = ...
            local client = vim.lsp.get_clients({ name = 'fimbria' })[1]
            local answer, failure = client:request_sync(method, params, 60000, 0)
            assert(answer, failure)
            assert(not answer.err, vim.inspect(answer.err))
            return answer.result
            """,
            method,
            parameters or {"_": 0},
        )

    def script(self, *rules: Mapping[str, object]) -> None:
        """Tell the scripted server what to answer (see stub_server.py), and forget what it saw."""
        self.request("stub/script", rules=rules)

    def status(self) -> str:
        """Return what a status line shows."""
        return str(self.lua("return require('fimbria').status()"))

    def type_command(self, command: str) -> None:
        """As a person does: what it says is read before the next one is typed."""
        self.keys(f":{command}<CR>")
        until(lambda: self.lua("return vim.fn.histget(':')") == command, "the command")

    def seen(self, what: str) -> Any:
        """Return what the scripted server has seen, by a name of `stub_server.Seen`."""
        return self.request("stub/seen")[what]

    def wait_until_asked(self, before: str) -> None:
        until(lambda: before in self.seen("asked"), f"a request after {before!r}")


def isolation(home: Path) -> dict[str, str]:
    """Return an environment in which Neovim keeps its files below `home`."""
    kinds = ("CONFIG", "DATA", "STATE", "CACHE")
    return {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds}


@contextmanager
def running(
    program: Path,
    home: Path,
    *,
    server: Sequence[str] | str | None,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
    setup: str = "",
    size: tuple[int, int] = (70, 16),
    plugin: bool = True,
) -> Iterator[Editor]:
    """Run Neovim with the plugin and nothing else.

    server: the command that starts the language server, without its last argument; None: let the
    plugin find it. options: what else `require('fimbria').setup()` is to know. setup: Lua that runs
    before the plugin, as a user's init.lua does.
    size: columns and rows of the screen. plugin: False for a Neovim without it.
    """
    variables = {**isolation(home), **(environment or {})}
    init = home / "init.lua"
    init.write_text(setup, encoding="utf-8")
    # Neither another Neovim's variables nor the developer's own settings count here.
    others = [name for name in os.environ if name.startswith(("FIMBRIA_", "VIM", "XDG_"))]
    command = [
        "/usr/bin/env",
        *(option for name in others for option in ("-u", name)),
        *(f"{name}={value}" for name, value in variables.items()),
        *(str(program), "--embed", "--clean", "-n", "-u", str(init)),
        *(("--cmd", f"set runtimepath^={PLUGIN}") if plugin else ()),
        # Looking for a Python with Neovim's package would take seconds, with the first Python file.
        *("--cmd", "let g:loaded_python3_provider = 0"),
    ]
    rpc = EmbeddedNeovim(command, *size)
    try:
        rpc.call(
            "nvim_set_var", "fimbria", {**({"cmd": server} if server else {}), **(options or {})}
        )
        # --embed waits for the screen before it reads init.lua and the plugins.
        rpc.call("nvim_ui_attach", *size, {"rgb": True, "ext_linegrid": True})
        editor = Editor(rpc)
        editor.draw_ghost_apart()
        yield editor
    finally:
        rpc.close()
