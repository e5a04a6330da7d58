"""Pieces of other files in what the runtime is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.server import make_server
from lsp_server.settings import Settings
from model_runtime.api import CompletionRequest, OtherFiles, Snippet
from tests.fakes import MODEL, FakeRuntime
from tests.lsp.client import LspClient, changing, in_process, play
from tests.lsp.sessions import ONLY_WHEN_ASKED

SHAPES = "def circle_area(radius):\n    return PI * radius ** 2\n"
MAIN = "from shapes import circle_area\n\narea = circle_area(radius"
SHOWING = replace(MODEL, other_files=OtherFiles.SHOWN)

Scenario = Callable[[LspClient], Awaitable[None]]


class Project:
    """A workspace, and an editor in it whose model knows other files."""

    def __init__(self, root: Path, model: object = SHOWING) -> None:
        self.root = root / "shop"
        self.root.mkdir()
        self.runtime: FakeRuntime
        self.model = model

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    def open(self, client: LspClient, name: str, text: str) -> None:
        client.open(text, uri=self.uri(name))

    async def ask(self, client: LspClient, name: str, text: str = MAIN) -> None:
        line = text.count("\n")
        character = len(text.rpartition("\n")[2])
        await client.result(client.complete(line, character, uri=self.uri(name)))

    def play(self, scenario: Scenario, settings: Settings = ONLY_WHEN_ASKED) -> None:
        async def whole() -> None:
            self.runtime = FakeRuntime("")
            self.runtime.model = self.model  # type: ignore[assignment]
            async with in_process(make_server(self.runtime.factory, settings)) as client:
                await client.start(root=self.root)
                await scenario(client)

        play(whole())

    @property
    def requests(self) -> list[CompletionRequest]:
        requests = [call.request for call in self.runtime.calls]
        return [each for each in requests if isinstance(each, CompletionRequest)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_what_was_opened_goes_with_the_request(project: Project) -> None:
    async def scenario(client: LspClient) -> None:
        project.open(client, "lib/shapes.py", SHAPES)
        project.open(client, "main.py", MAIN)
        await project.ask(client, "main.py")

    project.play(scenario)
    (request,) = project.requests
    assert request.snippets == (Snippet("lib/shapes.py", SHAPES),)
    assert (request.path, request.repository) == ("main.py", "shop")


def test_also_after_it_was_closed_and_as_it_was_edited(project: Project) -> None:
    async def scenario(client: LspClient) -> None:
        project.open(client, "shapes.py", SHAPES)
        client.send(changing("# all shapes\n", 0, 0, 2, uri=project.uri("shapes.py")))
        document = {"textDocument": {"uri": project.uri("shapes.py")}}
        client.notify("textDocument/didClose", document)
        project.open(client, "main.py", MAIN)
        await project.ask(client, "main.py")

    project.play(scenario)
    assert project.requests[0].snippets == (Snippet("shapes.py", "# all shapes\n" + SHAPES),)


def test_every_request_of_a_visit_has_the_same_ones(project: Project) -> None:
    """Keys, warm-ups and guesses: else a model would have to compute its prompt anew."""

    async def scenario(client: LspClient) -> None:
        project.open(client, "shapes.py", SHAPES)
        project.open(client, "main.py", MAIN)
        project.runtime.outcome = ", scale)"
        await project.ask(client, "main.py")
        await arrived(project, 2)  # what follows accepting is computed ahead
        text = MAIN
        for version, typed in enumerate("xyz", 2):
            at = len(text.rpartition("\n")[2])
            client.send(changing(typed, 2, at, version, uri=project.uri("main.py")))
            text += typed
            await project.ask(client, "main.py", text)
        client.send(changing("import os\n", 0, 0, 9, uri=project.uri("main.py")))
        await arrived(project, len(project.requests) + 1)

    project.play(scenario, Settings(statistics=False))
    assert len({(r.snippets, r.path, r.repository) for r in project.requests}) == 1
    assert {r.max_tokens for r in project.requests} == {0, 64}
    assert {r.priority.value for r in project.requests} == {"completion", "idle"}
    assert project.requests[0].snippets


async def arrived(project: Project, count: int) -> None:
    while len(project.requests) < count:
        await project.runtime.next_call()


@pytest.mark.parametrize("name", [".env", "conf/secrets.yaml", "ignored.py", "own.py", "link.py"])
def test_what_is_private_stays_out(name: str, project: Project) -> None:
    (project.root / ".gitignore").write_text("ignored.py\n")
    (project.root / ".env").write_text(SHAPES)
    (project.root / "link.py").symlink_to(project.root / ".env")

    async def scenario(client: LspClient) -> None:
        project.open(client, name, SHAPES)
        project.open(client, "main.py", MAIN)
        await project.ask(client, "main.py")

    project.play(scenario, replace(ONLY_WHEN_ASKED, exclude=("own.py",)))
    assert project.requests[0].snippets == ()


def test_files_of_other_folders_stay_out(project: Project, tmp_path: Path) -> None:
    async def scenario(client: LspClient) -> None:
        client.open(SHAPES, uri=(tmp_path / "shapes.py").as_uri())
        client.open(SHAPES, uri="untitled:Untitled-1")
        project.open(client, "main.py", MAIN)
        await project.ask(client, "main.py")

    project.play(scenario)
    assert project.requests[0].snippets == ()


@pytest.mark.parametrize("why", ["the model", "the user"])
def test_nobody_wants_them(why: str, tmp_path: Path) -> None:
    project = Project(tmp_path, MODEL if why == "the model" else SHOWING)

    async def scenario(client: LspClient) -> None:
        project.open(client, "shapes.py", SHAPES)
        project.open(client, "main.py", MAIN)
        await project.ask(client, "main.py")
        await project.ask(client, "main.py", MAIN.partition("\n")[0])

    project.play(scenario, replace(ONLY_WHEN_ASKED, snippets=why == "the model"))
    assert [(r.snippets, r.path, r.repository) for r in project.requests] == 2 * [((), "", "")]


def test_the_setting_counts_from_the_next_request_on(project: Project) -> None:
    async def scenario(client: LspClient) -> None:
        project.open(client, "shapes.py", SHAPES)
        project.open(client, "main.py", MAIN)
        await project.ask(client, "main.py")
        off = {"settings": {"fimbria": {"snippets": False}}}
        client.notify("workspace/didChangeConfiguration", off)
        await project.ask(client, "main.py", MAIN.partition("\n")[0])

    project.play(scenario)
    assert [bool(request.snippets) for request in project.requests] == [True, False]


def settings(client: LspClient, **values: object) -> None:
    client.notify("workspace/didChangeConfiguration", {"settings": {"fimbria": values}})


def test_what_was_open_is_known_when_the_setting_is_on_again(project: Project) -> None:
    async def scenario(client: LspClient) -> None:
        settings(client, snippets=False)
        project.open(client, "shapes.py", SHAPES)
        project.open(client, "main.py", MAIN)
        await project.ask(client, "main.py")
        settings(client, snippets=True)
        await project.ask(client, "main.py", MAIN.partition("\n")[0])

    project.play(scenario)
    assert [bool(request.snippets) for request in project.requests] == [False, True]


def test_what_is_left_out_now_is_neither_shown_nor_a_draft(project: Project) -> None:
    """What the model has said may have been copied from there."""

    async def scenario(client: LspClient) -> None:
        project.open(client, "shapes.py", SHAPES)
        project.open(client, "main.py", MAIN)
        project.runtime.outcome = ", copied_from_shapes)"
        await project.ask(client, "main.py")
        settings(client, exclude=["shapes.py"])
        await project.ask(client, "main.py")

    project.play(scenario)
    first, second = project.requests
    assert first.snippets
    assert (second.snippets, second.drafts) == ((), ())


def test_a_copying_model_is_told_no_names(tmp_path: Path) -> None:
    project = Project(tmp_path, replace(MODEL, other_files=OtherFiles.COPIED))

    async def scenario(client: LspClient) -> None:
        project.open(client, "shapes.py", SHAPES)
        project.open(client, "main.py", MAIN)
        await project.ask(client, "main.py")

    project.play(scenario)
    (request,) = project.requests
    assert request.snippets == (Snippet("shapes.py", SHAPES),)
    assert (request.path, request.repository) == ("", "")
