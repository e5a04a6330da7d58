"""Files that a question refers to and that the editor has not open: only the workspace's, and never
secrets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeRuntime
from tests.lsp.chatting import (
    CHATTING_MODEL,
    ask,
    conversation_sent,
    partial_results,
    range_json,
)
from tests.lsp.client import LspClient
from tests.lsp.sessions import session


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a project"
    folder.mkdir()
    (folder / ".gitignore").write_text("build/\n")
    return folder


async def sent(
    client: LspClient, runtime: FakeRuntime, project: Path, *references: dict[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    """What the model sees of references, and what the client is told of them."""
    runtime.model = CHATTING_MODEL
    event = {"added": [{"uri": project.as_uri(), "name": "project"}], "removed": []}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    request = ask(client, "Why?", references=list(references))
    call = await runtime.next_call()
    call.answer("So.")
    await client.result(request)
    begin = partial_results(client, "partial Why?")[0]
    return conversation_sent(call)[0][1], begin["references"]


def test_a_file_of_the_workspace(project: Path) -> None:
    file = project / "src" / "größe.py"
    file.parent.mkdir()
    file.write_bytes("a = '😋'\r\nb = 2\r\nc = 3\r\n".encode())

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        span = range_json((0, 9), (1, 5))
        text, told = await sent(
            client, runtime, project, {"uri": file.as_uri()}, {"uri": file.as_uri(), "range": span}
        )
        assert text.startswith(
            "`src/größe.py`:\n```python\na = '😋'\nb = 2\nc = 3\n```\n\n"
            "`src/größe.py`, lines 1 to 2:\n```python\n"
        )
        assert [each["isSent"] for each in told] == [True, True]

    session(scenario)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (".env", b"TOKEN=hidden", "secrets"),
        ("deploy.pem", b"hidden", "secrets"),
        ("build/out.py", b"hidden", ".gitignore"),
        ("image.bin", b"hidden\0", "no text"),
        ("latin.txt", b"hidden \xe4", "UTF-8"),
        ("large.txt", b"hidden " * 200_000, "megabyte"),
        ("blank.txt", b" \n", "no text there"),
        ("missing.py", None, "cannot be read"),
        ("../outside.py", b"hidden", "not in the workspace"),
    ],
)
def test_what_must_not_be_read_is_not_sent_and_the_client_is_told(
    project: Path, name: str, content: bytes | None, problem: str
) -> None:
    file = project / name
    if content is not None:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        uri = project.as_uri() + "/" + name
        text, told = await sent(client, runtime, project, {"uri": uri})
        assert text == "Why?"
        assert told[0]["isSent"] is False
        assert problem in told[0]["problem"]

    session(scenario)


def test_a_link_out_of_the_workspace_is_not_followed(project: Path) -> None:
    (project.parent / "outside.py").write_text("hidden")
    (project / "link.py").symlink_to(project.parent / "outside.py")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        uri = (project / "link.py").as_uri()
        text, told = await sent(client, runtime, project, {"uri": uri})
        assert text == "Why?"
        assert told[0]["isSent"] is False

    session(scenario)


@pytest.mark.parametrize("name", [".env", "../.ssh/config", "../.aws/config"])
def test_a_secret_is_not_sent_though_it_is_open(project: Path, name: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        uri = (project / name).resolve().as_uri()
        client.open("TOKEN=hidden\n", uri)
        text, told = await sent(client, runtime, project, {"uri": uri})
        assert text == "Why?"
        assert "secrets" in told[0]["problem"]

    session(scenario)


@pytest.mark.parametrize("is_open", [True, False])
def test_what_the_settings_leave_out_is_not_sent(project: Path, is_open: bool) -> None:
    file = project / "private" / "plan.md"
    file.parent.mkdir()
    file.write_text("hidden")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        if is_open:
            client.open("hidden", file.as_uri())
        text, told = await sent(client, runtime, project, {"uri": file.as_uri()})
        assert text == "Why?"
        assert "settings" in told[0]["problem"]

    session(scenario, options={"fimbria": {"exclude": ["private/"]}})


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "https://example.org/a.py", "nonsense"])
def test_what_is_no_file_here(project: Path, uri: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        text, told = await sent(client, runtime, project, {"uri": uri})
        assert text == "Why?"
        assert "no file" in told[0]["problem"]

    session(scenario)


def test_an_untitled_document_that_is_open(project: Path) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("x = 1\n", "untitled:Untitled-1")
        text, _ = await sent(client, runtime, project, {"uri": "untitled:Untitled-1"})
        assert text.startswith("`Untitled-1`:\n```python\nx = 1\n```")

    session(scenario)
