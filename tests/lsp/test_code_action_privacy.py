"""What must not leave this machine does not leave it through a code action either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.server import make_server
from lsp_server.settings import Settings
from model_runtime.api import CompletionRequest
from tests.fakes import FakeRuntime
from tests.lsp.acting import RESOLVING, cursor, listed, resolve, titled, told
from tests.lsp.client import LspClient, in_process, play

TEXT = "def area(w, h):\n    return w * h\n"
ELSEWHERE = Settings(
    guess_ahead=False, chat_endpoint="https://engine.invalid/v1", exclude=("private/**",)
)


def session(root: Path, settings: Settings, file: Path, title: str) -> tuple[FakeRuntime, str]:
    """Choose an action in a file of a workspace; returns what was shown, if it has no edit."""
    runtimes: list[FakeRuntime] = []
    shown: list[str] = []

    async def whole() -> None:
        runtimes.append(FakeRuntime("Compute the area."))
        async with in_process(make_server(runtimes[0].factory, settings)) as client:
            await client.start("utf-16", None, RESOLVING, root=root)
            await runtimes[0].made.wait()
            await client.settle()
            await scenario(client)

    async def scenario(client: LspClient) -> None:
        client.open(TEXT, uri=file.as_uri())
        actions = await listed(client, cursor(TEXT, "return"), uri=file.as_uri())
        if "edit" not in await client.result(resolve(client, titled(actions, title))):
            shown.append(await told(client))
            client.unread[:] = [m for m in client.unread if m["method"] != "window/logMessage"]

    play(whole())
    return runtimes[0], "".join(shown)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace where all but `open.py` is left out, one way or another."""
    for name in ("private", "ignored"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shapes.py").write_text(TEXT)
    (tmp_path / ".gitignore").write_text("ignored/\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "private" / "shapes.py")
    (tmp_path / "open.py").write_text(TEXT)
    return tmp_path


@pytest.mark.parametrize("name", ["private/shapes.py", "ignored/shapes.py", "link.py"])
def test_what_is_left_out_goes_to_no_other_machine(name: str, root: Path) -> None:
    _, message = session(root, ELSEWHERE, root / name, "Simplify")
    assert "settings or .gitignore leave the file out, and chat_endpoint is another" in message


def test_other_files_may_go_there(root: Path) -> None:
    settings = replace(ELSEWHERE, chat_endpoint="http://0.0.0.0:9/v1")
    _, message = session(root, settings, root / "open.py", "Simplify")
    assert "No engine answers at http://0.0.0.0:9/v1" in message


def test_an_engine_on_this_machine_may_read_it(root: Path) -> None:
    settings = replace(ELSEWHERE, chat_endpoint="http://127.0.0.1:9/v1")
    _, message = session(root, settings, root / "private" / "shapes.py", "Simplify")
    assert "No engine answers at http://127.0.0.1:9/v1 (Connection refused)." in message


def test_the_model_here_documents_it_all_the_same(root: Path) -> None:
    file = root / "private" / "shapes.py"
    runtime, message = session(root, ELSEWHERE, file, "Write a docstring")
    assert message == ""
    assert any(isinstance(call.request, CompletionRequest) for call in runtime.calls)
