"""Question and answer, until the user has had enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from lsp_server.cli.console.commands import is_known, parse_command, run_command
from lsp_server.cli.console.piped import piped_texts
from lsp_server.cli.console.printing import AnswerWriter, Screen
from lsp_server.cli.console.stopping import Stopper, stopped_by_ctrl_c
from lsp_server.cli.console.talk import Answer, Question, Talk
from lsp_server.cli.errors import CommandError, usage_error
from model_runtime.api import Finished, InvalidRequest, ModelInfo, Request, Runtime, RuntimeFailure

_PATIENCE_S = 0.5
_LEAVING = "Ctrl-D or /exit leaves."


class Texts(Protocol):
    """Where a user's texts come from."""

    @property
    def dropped(self) -> bool:
        """Whether Ctrl-C has just dropped a text."""

    async def read(self, draft: str = "") -> str:
        """Raises EOFError, KeyboardInterrupt."""


@dataclass(slots=True, kw_only=True)
class Session:
    """Who answers, what was said, and where it appears. stopper: what Ctrl-C acts on, on a
    terminal.
    """

    runtime: Runtime
    info: ModelInfo
    talk: Talk
    screen: Screen
    stopper: Stopper | None = None


async def talk_on_terminal(session: Session, texts: Texts) -> None:
    """Talk with somebody who types. What fails is said, and the text is there to be mended."""
    session.screen.say(
        f"{session.info.id} · {session.talk.ways.mode.lesson}, Ctrl-D leaves, /help tells more"
    )
    with stopped_by_ctrl_c() as session.stopper:
        draft: str | None = ""
        while draft is not None:
            draft = await _one_round(session, texts, draft)


async def _one_round(session: Session, texts: Texts, draft: str) -> str | None:
    """Read a text and answer it; returns what the next prompt begins with, None to leave."""
    try:
        text = await texts.read(draft)
    except EOFError:
        return None
    except KeyboardInterrupt:
        if not texts.dropped:
            session.screen.say(_LEAVING)
        return ""
    try:
        return None if await _take(text, session) else ""
    except CommandError as error:
        session.screen.problem(_sentence(str(error)))
        return text
    except InvalidRequest as failure:
        session.screen.problem(str(failure))
        return text
    except RuntimeFailure as failure:
        session.screen.problem(str(failure))
        return ""


async def talk_through_pipe(session: Session, stream: BinaryIO) -> None:
    """Answer each text of the stream. Raises CommandError and RuntimeFailure at the first that
    fails.
    """
    num_texts = 0
    for text in piped_texts(stream):
        num_texts += 1
        called = parse_command(text)
        if called is not None and is_known(called):
            if await _take(text, session):
                return
        else:
            await _answer(session.talk.question(text), session)
    if not num_texts:
        raise usage_error("standard input holds no text.")


async def _take(text: str, session: Session) -> bool:
    """Do what a text says; whether that was to leave."""
    called = parse_command(text)
    if called is None:
        await _answer(session.talk.question(text), session)
        return False
    reply = run_command(called, session.talk, session.info)
    if reply.text:
        session.screen.say(reply.text)
    if reply.question:
        await _answer(reply.question, session)
    return reply.leave


async def _answer(question: Question, session: Session) -> None:
    """Print the answer as it is written, and keep it, also where it is stopped or fails."""
    answer, talk = Answer(), session.talk
    writer = session.screen.answer(trim=talk.ways.mode.chats and not question.goes_on)
    waiting = asyncio.get_running_loop().call_later(_PATIENCE_S, writer.wait)
    work = _stream(session.runtime, question.request, answer, writer)
    stopped = False
    try:
        if session.stopper is None:
            await work
        else:
            stopped = await session.stopper.run(work)
    finally:
        waiting.cancel()
        writer.end()
        talk.record(question, answer)
    _remark(answer, session.screen, stopped=stopped)


def _remark(answer: Answer, screen: Screen, *, stopped: bool) -> None:
    if not screen.on_terminal:
        return
    if stopped:
        screen.say("Stopped. /more goes on." if answer.text else "Stopped.")
    elif answer.cut_by_length:
        screen.say("Cut off by --max-tokens or the context; /more goes on.")
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


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
