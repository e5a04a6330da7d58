"""Question and answer, until the user has had enough."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, BinaryIO, Protocol

from lsp_server.cli.console.commands import Reply, is_known, parse_command, run_command
from lsp_server.cli.console.piped import piped_texts
from lsp_server.cli.console.printing import AnswerWriter, Screen
from lsp_server.cli.console.talk import Answer, Question, Talk
from lsp_server.cli.errors import CommandError, usage_error
from model_runtime.api import Finished, ModelInfo, Request, Runtime, RuntimeFailure

_PATIENCE_S = 0.5
_LEAVING = "Ctrl-D or /exit leaves."


class Texts(Protocol):
    """Where a user's texts come from."""

    @property
    def dropped(self) -> bool:
        """Whether Ctrl-C has just dropped a text."""

    async def read(self, draft: str = "") -> str:
        """Raises EOFError, KeyboardInterrupt."""


async def talk_on_terminal(
    runtime: Runtime, info: ModelInfo, talk: Talk, texts: Texts, screen: Screen
) -> None:
    """Talk with somebody who types. What fails is said, and the text is there to be mended."""
    screen.say(f"{info.id} · {talk.ways.mode.lesson}, Ctrl-D leaves, /help tells more")
    draft = ""
    while True:
        try:
            text = await texts.read(draft)
        except EOFError:
            return
        except KeyboardInterrupt:
            draft = ""
            if not texts.dropped:
                screen.say(_LEAVING)
            continue
        draft = ""
        try:
            if await _take(text, runtime, info, talk, screen):
                return
        except CommandError as error:
            screen.problem(_sentence(str(error)))
            draft = text
        except RuntimeFailure as failure:
            screen.problem(str(failure))


async def talk_through_pipe(
    runtime: Runtime, info: ModelInfo, talk: Talk, stream: BinaryIO, screen: Screen
) -> None:
    """Answer each text of the stream. Raises CommandError and RuntimeFailure at the first that
    fails.
    """
    num_texts = 0
    for text in piped_texts(stream):
        num_texts += 1
        called = parse_command(text)
        if called is None or not is_known(called):
            await _answer(talk.question(text), runtime, talk, screen)
        elif (reply := run_command(called, talk, info)).leave:
            return
        else:
            await _give(reply, runtime, talk, screen)
    if not num_texts:
        raise usage_error("standard input holds no text.")


async def _take(text: str, runtime: Runtime, info: ModelInfo, talk: Talk, screen: Screen) -> bool:
    """Do what a text says; whether that was to leave."""
    called = parse_command(text)
    if called is None:
        await _answer(talk.question(text), runtime, talk, screen)
        return False
    reply = run_command(called, talk, info)
    await _give(reply, runtime, talk, screen)
    return reply.leave


async def _give(reply: Reply, runtime: Runtime, talk: Talk, screen: Screen) -> None:
    if reply.text:
        screen.say(reply.text)
    if reply.question:
        await _answer(reply.question, runtime, talk, screen)


async def _answer(question: Question, runtime: Runtime, talk: Talk, screen: Screen) -> None:
    """Print the answer as it is written, and keep it; Ctrl-C on a terminal ends it there."""
    answer = Answer()
    writer = screen.answer(trim=talk.ways.mode.chats and not question.goes_on)
    waiting = asyncio.get_running_loop().call_later(_PATIENCE_S, writer.wait)
    work = _stream(runtime, question.request, answer, writer)
    stopped = False
    try:
        if screen.on_terminal:
            stopped = await _stoppable(work)
        else:
            await work
    finally:
        waiting.cancel()
        writer.end()
        talk.record(question, answer)
    _remark(answer, screen, stopped=stopped)


def _remark(answer: Answer, screen: Screen, *, stopped: bool) -> None:
    if not screen.on_terminal:
        return
    if stopped:
        screen.say("Stopped. /more goes on." if answer.text else "Stopped.")
    elif answer.cut_by_length:
        screen.say("Cut off by --max-tokens; /more goes on.")
    elif not answer.text.strip():
        screen.say("The model has nothing to say here.")


async def _stream(runtime: Runtime, request: Request, answer: Answer, writer: AnswerWriter) -> None:
    """Write down what comes, until it ends; a cancelled task closes the stream, which aborts the
    request in the engine.
    """
    events = runtime.stream(request)
    try:
        async for event in events:
            if isinstance(event, Finished):
                answer.finished = event
                return
            answer.text += event.text
            writer.write(event.text)
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def _stoppable(work: Coroutine[Any, Any, None]) -> bool:
    """Do `work` unless Ctrl-C stops it; whether it did."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await asyncio.wait({task})
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
        task.cancel()
    if task.cancelled():
        return True
    task.result()
    return False


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
