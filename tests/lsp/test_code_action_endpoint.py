"""Code actions answered by an engine elsewhere, over real sockets, and by users' own prompts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lsp_server.settings import Settings
from tests.daemon.openai_engines import Engine, Handler, end, piece, refusing, streamed
from tests.fakes import FakeRuntime
from tests.lsp.acting import (
    CHATTING,
    RESOLVING,
    applied,
    cursor,
    diagnostic,
    listed,
    resolve,
    titled,
    told,
)
from tests.lsp.client import LspClient, Message
from tests.lsp.sessions import session

TEXT = "def area(w, h):\n    return w + h\n"
FIXED = TEXT.replace("+", "*")
QUIET = Settings(warm_up=False, guess_ahead=False)
AT = cursor(TEXT, "return")


async def chosen(client: LspClient) -> Message:
    client.open(TEXT)
    actions = await listed(client, AT, [diagnostic(AT, "wrong")])
    action: Message = await client.result(resolve(client, titled(actions, "Fix")))
    return action


def with_engine(answer: Handler, scenario: Callable[[LspClient], Awaitable[None]]) -> Engine:
    engine = Engine(answer)

    async def whole(client: LspClient, runtime: FakeRuntime) -> None:
        async with engine.running():
            values = {"settings": {"fimbria": {"chatEndpoint": engine.url, "chatModel": "second"}}}
            client.notify("workspace/didChangeConfiguration", values)
            await scenario(client)
        assert runtime.calls == []

    session(whole, capabilities=RESOLVING, settings=QUIET)
    return engine


def test_a_fix_by_an_engine_elsewhere() -> None:
    async def scenario(client: LspClient) -> None:
        assert applied(TEXT, (await chosen(client))["edit"]) == FIXED

    engine = with_engine(streamed(piece("```\n"), piece(FIXED), piece("```"), end()), scenario)
    (body,) = engine.bodies
    assert body.get("n", 1) == 1
    assert "a tool reports: wrong" in body["messages"][1]["content"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refusing(500, {"error": {"message": "out of cheese"}}), "out of cheese"),
        (refusing(401, {"error": {"message": "no"}}), "chat_api_key"),
        (streamed(piece("```\ndef area("), end("length")), "too long and was cut off"),
        (streamed(piece("```\ndef "), done=False), "Nothing was changed."),
        (streamed(end()), "gave no code"),
    ],
)
def test_an_engine_that_fails_changes_nothing(answer: Handler, said: str) -> None:
    async def scenario(client: LspClient) -> None:
        assert "edit" not in await chosen(client)
        message = await told(client)
        assert said in message
        assert "Nothing was changed." in message
        client.unread[:] = [m for m in client.unread if m["method"] != "window/logMessage"]

    with_engine(answer, scenario)


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "fimbria" / "prompts"
    folder.mkdir(parents=True)
    return folder


def test_a_users_own_prompt_is_sent(prompts: Path) -> None:
    (prompts / "fix.md").write_text("Be brief.\n---\nMend {{code}}, for {{problem}}.\n")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        assert applied(TEXT, (await chosen(client))["edit"]) == FIXED

    (call,) = session(scenario, FIXED, capabilities=RESOLVING, settings=CHATTING).calls
    messages = [message.content for message in call.request.messages]  # type: ignore[union-attr]
    assert messages == ["Be brief.", f"Mend {TEXT.rstrip()}, for wrong."]


def test_a_prompt_with_an_unknown_placeholder_is_told_at_the_start(prompts: Path) -> None:
    (prompts / "fix.md").write_text("{{codes}}")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        assert "{{codes}} is no placeholder; perhaps {{code}}?" in await told(client)
        assert applied(TEXT, (await chosen(client))["edit"]) == FIXED
        assert "{{codes}}" in await told(client)

    session(scenario, FIXED, capabilities=RESOLVING, settings=CHATTING)


def test_a_docstring_is_for_the_model_that_fills_in_also_while_that_still_loads() -> None:
    engine = Engine(refusing(500, {"error": {"message": "must not be asked"}}))

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        async with engine.running():
            values = {"settings": {"fimbria": {"chatEndpoint": engine.url}}}
            client.notify("workspace/didChangeConfiguration", values)
            client.open(TEXT)
            actions = await listed(client, AT)
            action = await client.result(resolve(client, titled(actions, "Write a docstring")))
            assert '"""' in applied(TEXT, action["edit"])
        assert runtime.calls

    session(scenario, "Add width and height.", capabilities=RESOLVING, settings=QUIET)
    assert engine.bodies == []
