"""What editors tell about suggestions ends up in the statistics, and only there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from lsp_server.server import make_server
from lsp_server.settings import Settings
from lsp_server.statistics import Outcome, SuggestionRecord
from tests.fakes import FakeRuntime
from tests.lsp.client import LspClient, in_process, play

SETTINGS = Settings(warm_up=False, guess_ahead=False)


def told(
    scenario: Callable[[LspClient, str], Awaitable[None]], answer: str = "foo bar"
) -> list[tuple[Outcome, int]]:
    """What is kept of one suggestion after the editor has told something about it."""
    saved: dict[str, SuggestionRecord] = {}

    def save(records: Sequence[SuggestionRecord]) -> None:
        saved.update((record.id, record) for record in records)

    async def whole() -> None:
        server = make_server(FakeRuntime(answer).factory, SETTINGS, save_statistics=save)
        async with in_process(server) as client:
            await client.start()
            client.open("x = ")
            (item,) = (await client.result(client.complete(0, 4)))["items"]
            assert item["command"]["command"] == "fimbria.suggestionAccepted"
            await scenario(client, item["command"]["arguments"][0])

    play(whole())
    assert all(r.language == "python" and r.model == "fake" for r in saved.values())
    return [(record.outcome, record.num_accepted) for record in saved.values()]


async def _silence(client: LspClient, identity: str) -> None:
    return


def test_an_editor_that_tells_nothing() -> None:
    assert told(_silence) == [(Outcome.OFFERED, 0)]


def test_the_command_of_an_accepted_item() -> None:
    async def scenario(client: LspClient, identity: str) -> None:
        command = {"command": "fimbria.suggestionAccepted", "arguments": [identity]}
        assert await client.result(client.ask("workspace/executeCommand", command)) is None

    assert told(scenario) == [(Outcome.ACCEPTED, 7)]


def test_the_notifications_of_our_clients() -> None:
    async def scenario(client: LspClient, identity: str) -> None:
        assert client.capabilities["experimental"]["fimbria"]["events"] is True
        client.notify("fimbria/didShowCompletion", {"id": identity})
        client.notify("fimbria/didAcceptCompletion", {"id": identity, "acceptedLength": 4})
        client.notify("fimbria/didDismissCompletion", {"id": identity})

    assert told(scenario) == [(Outcome.PARTLY, 4)]


def test_a_dismissed_one() -> None:
    async def scenario(client: LspClient, identity: str) -> None:
        client.notify("fimbria/didDismissCompletion", {"id": identity})

    assert told(scenario) == [(Outcome.DISMISSED, 0)]


def test_nonsense_is_no_trouble() -> None:
    async def scenario(client: LspClient, identity: str) -> None:
        for params in (
            None,
            [],
            {},
            {"id": 5},
            {"id": "x"},
            {"id": identity, "acceptedLength": "y"},
        ):
            for kind in ("Show", "Dismiss"):
                client.notify(f"fimbria/did{kind}Completion", params)
        command = {"command": "fimbria.suggestionAccepted", "arguments": [[identity]]}
        assert await client.result(client.ask("workspace/executeCommand", command)) is None

    assert told(scenario) == [(Outcome.DISMISSED, 0)]


def test_who_wants_no_statistics_gets_items_without_command() -> None:
    async def whole() -> None:
        runtime = FakeRuntime("foo")
        server = make_server(runtime.factory, SETTINGS, save_statistics=saved.append)
        async with in_process(server) as client:
            await client.start(options={"fimbria": {"statistics": False}})
            client.open("x = ")
            (item,) = (await client.result(client.complete(0, 4)))["items"]
            assert "command" not in item

    saved: list[Sequence[SuggestionRecord]] = []
    play(whole())
    assert saved == []
