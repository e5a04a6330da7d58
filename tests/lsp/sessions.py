"""Sessions of an editor with a server whose model is scripted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from lsp_server.positions import Position, PositionEncoding
from lsp_server.server import make_server
from lsp_server.settings import Settings
from tests.fakes import FakeRuntime
from tests.lsp.client import LspClient, in_process, play
from tests.unit.strategies import naive_lines, naive_offset, naive_units

CURSOR = "‸"
ONLY_WHEN_ASKED = Settings(warm_up=False, guess_ahead=False, statistics=False)
"""The runtime gets the editor's requests and no others."""
Scenario = Callable[[LspClient, FakeRuntime], Awaitable[None]]


def session(
    scenario: Scenario,
    outcome: str | Exception | None = None,
    *,
    encoding: str = "utf-16",
    options: object = None,
    capabilities: Mapping[str, object] | None = None,
    settings: Settings | None = None,
) -> FakeRuntime:
    """Play a scenario in a session that has been initialized, and return its runtime."""

    async def whole() -> None:
        runtimes.append(FakeRuntime(outcome))
        server = make_server(runtimes[0].factory, settings or ONLY_WHEN_ASKED)
        async with in_process(server) as client:
            await client.start(encoding, options, capabilities)
            await scenario(client, runtimes[0])

    runtimes: list[FakeRuntime] = []
    play(whole())
    return runtimes[0]


def cursor_of(fixture: str, encoding: PositionEncoding) -> tuple[str, Position]:
    """Split a fixture into its text and the cursor's position."""
    before, cursor, after = fixture.partition(CURSOR)
    assert cursor, "no cursor in the fixture"
    assert CURSOR not in after, "two cursors in the fixture"
    lines = naive_lines(before)
    units = sum(naive_units(char, encoding) for char in lines[-1])
    return before + after, Position(len(lines) - 1, units)


def check_inline(fixture: str, answer: str, expect: str) -> None:
    """Hold the buffer after accepting the model's `answer` against `expect`, in all encodings."""
    for encoding in PositionEncoding:
        assert accepted(fixture, answer, encoding) == expect, encoding


def accepted(fixture: str, answer: str, encoding: PositionEncoding) -> str:
    """Return the buffer and cursor after accepting the only suggestion."""
    text, cursor = cursor_of(fixture, encoding)
    results: list[dict[str, list[dict[str, object]]]] = []

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        results.append(await client.result(client.complete(*cursor)))

    session(scenario, answer, encoding=encoding.value)
    (item,) = results[0]["items"]
    return apply_item(text, item, encoding)


def apply_item(text: str, item: Mapping[str, object], encoding: PositionEncoding) -> str:
    """Do what an editor does with an accepted item; ‸ marks the cursor afterwards."""
    span, inserted = item["range"], item["insertText"]
    assert isinstance(span, dict)
    assert isinstance(inserted, str)
    assert span["start"]["line"] == span["end"]["line"]
    start, end = (
        naive_offset(text, Position(at["line"], at["character"]), encoding)
        for at in (span["start"], span["end"])
    )
    return text[:start] + inserted + CURSOR + text[end:]
