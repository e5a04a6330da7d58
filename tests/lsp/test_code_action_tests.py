"""*Write tests*: where they go, and what of the user's files enters the prompt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lsp_server.server import make_server
from model_runtime.api import ChatRequest
from tests.fakes import FakeRuntime
from tests.lsp.acting import CHATTING, RESOLVING, applied, cursor, listed, resolve, titled, told
from tests.lsp.client import LspClient, in_process, play

Scenario = Callable[[LspClient, FakeRuntime, Path], Awaitable[None]]

TEXT = "def area(w, h):\n    return w * h\n"
TESTS = "from shapes import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n"
OTHER = "def test_one():\n    assert 1\n"


def act(scenario: Scenario, root: Path, capabilities: Mapping[str, Any] = RESOLVING) -> FakeRuntime:
    runtimes: list[FakeRuntime] = []

    async def whole() -> None:
        runtimes.append(FakeRuntime(f"```python\n{TESTS}```"))
        async with in_process(make_server(runtimes[0].factory, CHATTING)) as client:
            await client.start("utf-16", None, capabilities, root=root)
            await scenario(client, runtimes[0], root)

    play(whole())
    return runtimes[0]


async def chosen(client: LspClient, root: Path) -> int:
    uri = (root / "shapes.py").as_uri()
    client.open(TEXT, uri=uri)
    actions = await listed(client, cursor(TEXT, "return"), uri=uri)
    return resolve(client, titled(actions, "Write tests for area"))


def test_a_new_file_is_made_beside_the_code(tmp_path: Path) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        edit = (await client.result(await chosen(client, root)))["edit"]
        uri = (root / "test_shapes.py").as_uri()
        created = edit["documentChanges"][0]
        assert (created["kind"], created["uri"]) == ("create", uri)
        assert created["options"]["overwrite"] is False
        assert applied("", edit, version=None, uri=uri) == TESTS
        assert "for test_shapes.py; look at it there" in await told(client)

    act(scenario, tmp_path)


NEOVIM: Mapping[str, Any] = {
    "textDocument": {"codeAction": {"resolveSupport": {"properties": ["edit", "command"]}}},
    "workspace": {"workspaceEdit": {"resourceOperations": ["rename", "create", "delete"]}},
    "window": {"showDocument": {"support": True}},
}
"""It announces no `documentChanges`, and makes files all the same."""


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("opens", [True, False])
def test_the_file_is_opened_after_the_edit(is_there: bool, opens: bool, tmp_path: Path) -> None:
    file = tmp_path / "test_shapes.py"
    if is_there:
        file.write_text(OTHER)

    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        action = await client.result(await chosen(client, root))
        changes = action["edit"].get("documentChanges", [{}])
        assert (changes[0].get("kind") == "create") is not is_there
        command = action["command"]
        params = {"command": command["command"], "arguments": command["arguments"]}
        request = client.ask("workspace/executeCommand", params)
        shown = await client.take("window/showDocument")
        assert shown["params"]["uri"] == file.as_uri()
        client.send({"id": shown["id"], "result": {"success": opens}})
        await client.result(request)
        if not opens:
            assert "for test_shapes.py; look at it there" in await told(client)

    act(scenario, tmp_path, NEOVIM)


def test_an_editor_that_applies_edits_at_our_word_opens_the_file(tmp_path: Path) -> None:
    (tmp_path / "test_shapes.py").write_text(OTHER)
    uri = (tmp_path / "shapes.py").as_uri()

    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        client.open(TEXT, uri=uri)
        action = titled(await listed(client, cursor(TEXT, "return"), uri=uri), "Write tests")
        command = action["command"]
        params = {"command": command["command"], "arguments": command["arguments"]}
        request = client.ask("workspace/executeCommand", params)
        asked = await client.take("workspace/applyEdit")
        client.send({"id": asked["id"], "result": {"applied": True}})
        assert "for test_shapes.py; look at it there" in await told(client)
        await client.result(request)

    act(scenario, tmp_path, {})


def test_tests_go_into_the_folder_of_tests(tmp_path: Path) -> None:
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "tests" / "unit" / "test_shapes.py").write_text(OTHER)

    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        edit = (await client.result(await chosen(client, root)))["edit"]
        uri = (root / "tests" / "unit" / "test_shapes.py").as_uri()
        assert applied(OTHER, edit, version=None, uri=uri) == f"{OTHER}\n\n{TESTS}"
        assert "for test_shapes.py; look at it there" in await told(client)

    (call,) = act(scenario, tmp_path).calls
    assert isinstance(call.request, ChatRequest)
    assert f"which now holds:\n```\n{OTHER}" in call.request.messages[1].content


def test_tests_that_are_open_are_changed_as_they_are_in_the_editor(tmp_path: Path) -> None:
    (tmp_path / "test_shapes.py").write_text("stale")
    uri = (tmp_path / "test_shapes.py").as_uri()

    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        client.open(OTHER, uri=uri, version=7)
        edit = (await client.result(await chosen(client, root)))["edit"]
        assert applied(OTHER, edit, version=7, uri=uri) == f"{OTHER}\n\n{TESTS}"
        assert "for test_shapes.py; look at it there" in await told(client)

    act(scenario, tmp_path)


def test_tests_that_are_open_are_found_however_the_editor_spells_their_address(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_shapes.py").write_text("stale")
    uri = (tmp_path / "test_shapes.py").as_uri().replace("test_", "test%5F")

    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        client.open(OTHER, uri=uri, version=7)
        edit = (await client.result(await chosen(client, root)))["edit"]
        assert applied(OTHER, edit, version=7, uri=uri) == f"{OTHER}\n\n{TESTS}"
        assert "for test_shapes.py; look at it there" in await told(client)

    act(scenario, tmp_path)


def test_an_editor_that_makes_no_files_shows_them(tmp_path: Path) -> None:
    capabilities = {**RESOLVING, "workspace": {"workspaceEdit": {"documentChanges": True}}}

    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        assert "edit" not in await client.result(await chosen(client, root))
        assert f"```python\n{TESTS}```" in await told(client)

    act(scenario, tmp_path, capabilities)


@pytest.mark.parametrize("name", [".gitignore", "outside"])
def test_files_that_may_not_be_read_are_left_alone(name: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    if name == "outside":
        (tmp_path / "secret.txt").write_text("SECRET")
        (root / "test_shapes.py").symlink_to(tmp_path / "secret.txt")
    else:
        (root / ".gitignore").write_text("test_*.py\n")

    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        assert "edit" not in await client.result(await chosen(client, root))
        assert "left out by the settings or .gitignore" in await told(client)

    assert act(scenario, root).calls == []


def test_a_document_that_is_no_file(tmp_path: Path) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime, root: Path) -> None:
        client.open(TEXT, uri="untitled:1")
        actions = await listed(client, cursor(TEXT, "return"), uri="untitled:1")
        assert "edit" not in await client.result(resolve(client, titled(actions, "Write tests")))
        assert "not known where tests" in await told(client)

    assert act(scenario, tmp_path).calls == []
