"""Code actions when things go wrong: nothing lands in the wrong place, and everybody is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lsp_server.positions import PositionEncoding
from lsp_server.server import make_server
from model_runtime.api import FinishReason, RuntimeUnavailable
from tests.fakes import FakeRuntime
from tests.lsp.acting import (
    CHATTING,
    RESOLVING,
    applied,
    cursor,
    diagnostic,
    listed,
    place,
    resolve,
    titled,
    told,
)
from tests.lsp.client import URI, LspClient, Message, cancelling, changing, in_process, play
from tests.lsp.sessions import session

Scenario = Callable[[LspClient, FakeRuntime], Awaitable[None]]

TEXT = "# 😋\nimport os\n\n\ndef area(w, h):\n    return w + h\n\n\ndef last():\n    pass\n"
OLD = "def area(w, h):\n    return w + h\n"
NEW = "def area(w, h):\n    return w * h\n"
FIXED = TEXT.replace(OLD, NEW)
WITH_PROGRESS = {**RESOLVING, "window": {"workDoneProgress": True}}


def act(
    scenario: Scenario, answer: str | Exception | None = None, **options: object
) -> FakeRuntime:
    more = {"settings": CHATTING, "capabilities": RESOLVING} | options
    return session(scenario, answer, **more)  # type: ignore[arg-type]


async def chosen(client: LspClient, title: str = "Simplify area") -> int:
    """Open the text and choose an action for its function."""
    client.open(TEXT)
    return resolve(client, titled(await listed(client, cursor(TEXT, "return w")), title))


async def refused(client: LspClient, request: int) -> str:
    """Why an action that was chosen has no edit."""
    assert "edit" not in await client.result(request)
    return await told(client)


def check_refused(answer: str, reason: str, title: str = "Simplify area") -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        message = await refused(client, await chosen(client, title))
        assert reason in message
        assert "Nothing was changed." in message

    act(scenario, answer)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no code"),
        ("I'm sorry, I can't do that.", "no code"),
        ("```\n```", "no code"),
        ("x" * 3000, "no code"),
        ("\0\x1b[31m", "no code"),
        (OLD, "leave it as it is"),
        ("```\ndef area(w, h)\n    return 1\n```", "would not parse: expected ':' (line 5)"),
        ("```\ndef volume(w, h):\n    return 1\n```", "does not define area"),
        ("```\n" + NEW + "\n\ndef last():\n    return 1\n```", "repeats last"),
        ("```\n" + FIXED.replace("os", "sys") + "```", "outside of the code"),
        ("```\nimport os\n```", "outside of the code"),
    ],
)
def test_answers_that_must_not_be_applied(answer: str, reason: str) -> None:
    check_refused(answer, reason)


@pytest.mark.parametrize(
    "answer",
    [
        NEW,
        f"```python\n{FIXED}```",
        f"Before:\n```python\n{OLD}```\nAfter:\n```python\n{NEW}```\n",
        "```\r\n" + NEW.replace("\n", "\r\n") + "```",
    ],
)
def test_answers_in_many_wrappings(answer: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        action = await client.result(await chosen(client))
        assert applied(TEXT, action["edit"]) == FIXED

    act(scenario, answer)


def test_an_answer_that_was_cut_off() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client)
        (await runtime.next_call()).answer(NEW, FinishReason.LENGTH)
        assert "too long and was cut off" in await refused(client, request)

    act(scenario)


@pytest.mark.parametrize("title", ["Simplify area", "Write a docstring for area"])
def test_a_runtime_that_fails_in_mid_answer(title: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.stops_after = 5
        request = await chosen(client, title)
        call = await runtime.next_call()
        call.answer(NEW)
        await call.stuck.wait()
        call.break_off(RuntimeUnavailable("The daemon has ended.", "It starts again by itself."))
        message = await refused(client, request)
        assert "The daemon has ended. It starts again by itself." in message
        await client.take("window/logMessage")
        runtime.stops_after = None
        again = resolve(client, titled(await listed(client, cursor(TEXT, "return w")), "Simplify"))
        (await runtime.next_call()).answer(NEW)
        assert applied(TEXT, (await client.result(again))["edit"]) == FIXED

    act(scenario)


def test_cancelling_the_request_ends_the_engines_work() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client)
        call = await runtime.next_call()
        client.send(cancelling(request))
        assert (await client.answer(request))["error"]["code"] == -32800
        await call.aborted.wait()

    act(scenario)


async def begun(client: LspClient) -> str:
    """Let a progress display begin and return its token."""
    create = await client.take("window/workDoneProgress/create")
    client.send({"id": create["id"], "result": None})
    token: str = create["params"]["token"]
    begin = await client.take("$/progress")
    assert begin["params"]["token"] == token
    assert begin["params"]["value"]["cancellable"] is True
    return token


def test_stopping_it_at_the_progress_display_ends_the_engines_work() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client)
        token = await begun(client)
        call = await runtime.next_call()
        client.notify("window/workDoneProgress/cancel", {"token": token})
        assert "edit" not in await client.result(request)
        await call.aborted.wait()
        assert (await client.take("$/progress"))["params"]["value"]["kind"] == "end"

    act(scenario, capabilities=WITH_PROGRESS)


@pytest.mark.parametrize("title", ["Simplify area", "Write a docstring for area"])
def test_a_server_that_is_stopped_in_mid_answer_blames_nobody(
    title: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client, title)
        call = await runtime.next_call()
        await client.finish()
        message = await told(client)
        assert (
            message == f"Fimbria: {title}: stopped, because the server ends. Nothing was changed."
        )
        assert "edit" not in await client.result(request)
        await call.aborted.wait()

    act(scenario)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_the_log_quotes_no_code(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        assert "does not define area" in await refused(client, await chosen(client))

    with caplog.at_level("INFO"):
        act(scenario, "```\ndef volume(w, h):\n    return 1\n```")
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("lsp_server")]
    assert "simplify was refused" in ours
    assert not any("area" in line for line in ours)


def test_progress_shows_the_end_of_what_was_written() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client)
        await begun(client)
        (await runtime.next_call()).answer(NEW)
        await client.result(request)
        values = [message["params"]["value"] for message in client.unread]
        client.unread.clear()
        assert values[-1]["kind"] == "end"
        assert values[-2]["message"] == " ".join(NEW.split())

    act(scenario, capabilities=WITH_PROGRESS)


def test_a_document_that_has_changed_since_the_list() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(TEXT)
        action = titled(await listed(client, cursor(TEXT, "return w")), "Simplify")
        client.send(changing("x", 1, 0, version=2))
        assert "has changed since" in await refused(client, resolve(client, action))

    assert act(scenario).calls == []


def test_a_document_that_was_opened_again_since_the_list() -> None:
    """Editors begin to count its versions anew."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(TEXT)
        action = titled(await listed(client, cursor(TEXT, "return w")), "Simplify")
        client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        client.open(TEXT.replace("area", "volume"))
        assert "has changed since" in await refused(client, resolve(client, action))

    assert act(scenario).calls == []


def test_an_editor_that_does_not_count_versions() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(TEXT)
        action = titled(await listed(client, cursor(TEXT, "return w")), "Simplify")
        client.send(changing("x = 1\n", 1, 0, version=1))
        await client.take("window/logMessage")
        assert "has changed since" in await refused(client, resolve(client, action))

    assert act(scenario).calls == []


def test_a_document_that_is_closed_meanwhile() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client)
        call = await runtime.next_call()
        client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        client.open(TEXT)
        call.answer(NEW)
        assert "changed while the answer was made" in await refused(client, request)
        client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        action = {"title": "x", "data": {"task": "fix"}}
        assert "lacks" in await refused(client, resolve(client, action))

    act(scenario)


@pytest.mark.parametrize("data", [1, "x", [], {}, {"task": "nothing"}])
def test_data_that_is_not_ours(data: object) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await refused(client, resolve(client, {"title": "x", "data": data}))

    act(scenario)


def test_typing_elsewhere_while_the_answer_is_made() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client)
        call = await runtime.next_call()
        client.send(changing("import re\n", 1, 0, version=2))
        call.answer(NEW)
        edit = (await client.result(request))["edit"]
        now = TEXT.replace("import os", "import re\nimport os")
        assert applied(now, edit, version=2) == now.replace(OLD, NEW)

    act(scenario)


@pytest.mark.parametrize("line", [1, 3, 8])
def test_typing_elsewhere_while_a_docstring_is_written(line: int) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client, "Write a docstring for area")
        call = await runtime.next_call()
        client.send(changing("x = '😋'\n", line, 0, version=2))
        await client.settle()
        runtime.outcome = "The area."
        call.answer("The area.")
        edit = (await client.result(request))["edit"]
        lines = TEXT.split("\n")
        now = "\n".join([*lines[:line], "x = '😋'", *lines[line:]])
        documented = applied(now, edit, version=2)
        assert documented.startswith(now[: now.index("    return")] + '    """The area.')
        assert documented.endswith(now[now.index("    return") :])

    act(scenario)


def test_typing_into_what_is_being_documented() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = await chosen(client, "Write a docstring for area")
        call = await runtime.next_call()
        client.send(changing("x", 4, 9, version=2))
        await client.settle()
        runtime.outcome = "The area."
        call.answer("The area.")
        assert "changed while the answer was made" in await refused(client, request)

    act(scenario)


EDITS = st.lists(
    st.tuples(
        st.integers(0, len(TEXT)),
        st.integers(0, 6),
        st.sampled_from(["", "x", "\n", "😋\n", "\r\n", OLD, "    return w + h\n", "def area"]),
    ),
    max_size=4,
)


@settings(
    max_examples=25,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(EDITS, st.sampled_from(PositionEncoding), st.booleans(), st.booleans())
def test_no_edit_lands_in_the_wrong_place(
    edits: list[tuple[int, int, str]], encoding: PositionEncoding, as_fix: bool, are_seen: bool
) -> None:
    """Whatever is typed during the answer: either there is no edit, or it turns the function that
    was meant into the new one, where that stands now. are_seen: by the server, before the answer.
    """
    marked = TEXT.replace(OLD, "\ue000" + OLD + "\ue001")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(TEXT)
        at = cursor(TEXT, "return w", encoding)
        problem = diagnostic(at, "wrong")
        title = "Fix" if as_fix else "Simplify"
        request = resolve(client, titled(await listed(client, at, [problem]), title))
        call = await runtime.next_call()
        now, shadow = TEXT, marked
        for version, (at_most, length, text) in enumerate(edits, 2):
            start = outside_of_breaks(now, min(at_most, len(now)))
            end = outside_of_breaks(now, min(at_most + length, len(now)))
            client.send(edit_of(now, start, end, text, version, encoding))
            shadow = edited_between(shadow, start, end, text)
            now = now[:start] + text + now[end:]
        if are_seen:
            await client.settle()
        call.answer(NEW)
        answer = await client.result(request)
        if "edit" not in answer:
            await told(client)
            return
        made_for = answer["edit"]["documentChanges"][0]["textDocument"]["version"]
        if made_for <= len(edits):
            assert not are_seen
            return  # the editor does not apply an edit for an older version
        assert "\ue000" + OLD + "\ue001" in shadow
        expected = shadow.replace("\ue000" + OLD + "\ue001", NEW)
        assert applied(now, answer["edit"], encoding, version=len(edits) + 1) == expected

    play(with_server(scenario, encoding))


async def with_server(scenario: Scenario, encoding: PositionEncoding) -> None:
    runtime = FakeRuntime()
    async with in_process(make_server(runtime.factory, CHATTING)) as client:
        await client.start(encoding.value, None, RESOLVING)
        await scenario(client, runtime)


def edit_of(
    text: str, start: int, end: int, new: str, version: int, encoding: PositionEncoding
) -> Message:
    span = {"start": place(text, start, encoding), "end": place(text, end, encoding)}
    params = {
        "textDocument": {"uri": URI, "version": version},
        "contentChanges": [{"range": span, "text": new}],
    }
    return {"method": "textDocument/didChange", "params": params}


def outside_of_breaks(text: str, offset: int) -> int:
    """The protocol has no position within a line break."""
    return offset - 1 if offset and text[offset - 1 : offset + 1] == "\r\n" else offset


def edited_between(shadow: str, start: int, end: int, new: str) -> str:
    """The same edit in a text with marks, which stay in it."""
    plain = [at for at, char in enumerate(shadow) if char not in "\ue000\ue001"] + [len(shadow)]
    first = plain[start]
    if start == end and shadow[first - 1 : first] == "\ue000":
        first -= 1  # what is put directly before the function is no part of it
    last = plain[end - 1] + 1 if end > start else first
    kept = "".join(char for char in shadow[first:last] if char in "\ue000\ue001")
    return shadow[:first] + new + kept + shadow[last:]
