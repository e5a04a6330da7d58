"""Ghost text that the model is not sure of."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from model_runtime.api import Chunk, CompletionRequest, Event, Finished, FinishReason
from tests.fakes import MODEL, FakeRuntime, completion
from tests.lsp.client import URI, LspClient
from tests.lsp.sessions import session

Pieces = Sequence[tuple[str, float | tuple[float, ...]]]


def shown(
    text: str, pieces: Pieces, *, automatic: bool = True, stop: FinishReason = FinishReason.STOP
) -> str | None:
    """What is shown at the end of the first line when the model writes `pieces`, each with its
    log-probabilities.
    """
    texts: list[str | None] = []

    async def stream(request: CompletionRequest) -> AsyncGenerator[Event, None]:
        for piece, logprob in pieces:
            yield Chunk(piece, logprobs=logprob if isinstance(logprob, tuple) else (logprob,))
        done = completion("", stop)
        yield Finished(stop, done.usage, done.timings)

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = replace(MODEL, min_mean_logprob=-2.0, min_token_logprob=-5.0)
        runtime.stream = stream  # type: ignore[method-assign]
        client.open(text)
        client.send(request := client.completing(0, 999, automatic=automatic))
        items = (await client.result(request["id"]))["items"]
        texts.append(items[0]["insertText"] if items else None)

    session(scenario)
    return texts[0]


SURE = [("b", -1.0), (" +", -1.0), (" c", -1.0), ("", -1.0)]
UNSURE = [("secret", -3.0), (" +", -1.0), (" d", -2.5), ("", -2.0)]


def test_what_the_model_is_sure_of_is_shown() -> None:
    assert shown("a = ", SURE) == "b + c"


def test_what_it_is_not_sure_of_is_withheld(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert shown("a = ", UNSURE) is None
    assert "not sure enough" in caplog.text
    assert "secret" not in caplog.text


def test_who_asks_sees_it_all_the_same() -> None:
    assert shown("a = ", UNSURE, automatic=False) == "secret + d"


def test_doubtful_lines_are_left_out() -> None:
    lines = [(":", -1.0), ("\n    a = 1", -1.0), ("\n    b =", -1.0), (" 2", -9.0), ("\n", -1.0)]
    assert shown("def f()", lines) == ":\n    a = 1"
    assert shown("def f()", lines, automatic=False) == ":\n    a = 1\n    b = 2"


def test_a_line_break_that_was_held_back_belongs_to_the_line_before() -> None:
    chunks = [(":", (-1.0,)), ("\n    a = 1", (-1.0, -1.0)), ("\n    b", (-1.0, -9.0))]
    assert shown("def f()", chunks) == ":\n    a = 1"
    assert shown("def f()", [*chunks[:2], ("\n", (-1.0,)), ("", (-1.0,))]) == ":\n    a = 1"


def test_the_token_that_ends_the_line_counts() -> None:
    assert shown("a = ", [("b", -1.0), ("", -2.9)]) == "b"
    assert shown("a = ", [("b", -1.0), ("", -3.1)]) is None


def test_tokens_behind_a_settled_text_are_not_read() -> None:
    pieces = [("b", -1.0), ("\n", -1.0), ("\n", -1.0), ("c", -50.0)]
    assert shown("a = ", pieces) == "b"


OF_PYTHON = replace(MODEL, languages=("python",), min_token_logprob_elsewhere=-0.5)


@pytest.mark.parametrize(
    ("uri", "language", "shown"),
    [
        ("file:///a.py", "python", True),
        ("file:///a.js", "javascript", False),
        ("file:///a.md", "markdown", False),
        ("file:///a", "", False),
        ("file:///a.py", "", True),  # the editor does not tell the language, the name does
        ("untitled:Untitled-1", "plaintext", False),
    ],
)
def test_who_asks_gets_text_in_each_language(uri: str, language: str, shown: bool) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = OF_PYTHON
        runtime.stream = likely  # type: ignore[method-assign]
        client.open("a = ", uri, language=language)
        for automatic in (True, False):
            client.send(request := client.completing(0, 4, uri, automatic=automatic))
            items = (await client.result(request["id"]))["items"]
            assert bool(items) == (shown or not automatic)

    session(scenario)


def test_in_prose_a_model_of_code_is_not_even_asked(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = OF_PYTHON
        client.open("Once upon ", language="markdown")
        assert (await client.result(client.complete(0, 10)))["items"] == []
        assert runtime.calls == []

    with caplog.at_level(logging.INFO):
        session(scenario)
    assert "the model has not learnt this language" in caplog.text


async def likely(_: CompletionRequest) -> AsyncGenerator[Event, None]:
    yield Chunk("b", logprobs=(-1.0,))
    done = completion("")
    yield Finished(FinishReason.STOP, done.usage, done.timings)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("python", None),
        ("lua", "fake knows Python; in lua it has to be surer"),
        ("markdown", "fake knows Python; in markdown it waits to be asked"),
    ],
)
def test_who_wonders_why_nothing_is_shown_is_told(language: str, said: str | None) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        assert client.capabilities["experimental"]["fimbria"]["status"] is True
        runtime.model = OF_PYTHON
        client.open("a = ", language=language)
        before = await client.result(client.ask("fimbria/status", {"uri": URI}))
        assert before == {"isReady": False, "model": None, "reticence": None}
        await client.result(client.complete(0, 4))
        status = await client.result(client.ask("fimbria/status", {"uri": URI}))
        assert (status["isReady"], status["model"]) == (True, "fake")
        assert status["reticence"] == said
        assert (await client.result(client.ask("fimbria/status", {})))["reticence"] is None

    session(scenario, "b")
