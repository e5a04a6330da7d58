"""The conversations of one session, and how a question in them is answered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lsp_server.chat.asking import Asked, Json, begin_json, result_json, text_json
from lsp_server.chat.conversation import (
    Conversation,
    Ending,
    Question,
    Record,
    Reply,
    cut_record,
    new_id,
    question_record,
    reply_record,
)
from lsp_server.chat.fields import wrong
from lsp_server.chat.prompt import (
    answer_budget,
    chat_messages,
    context_budget,
    conversation_budget,
)
from lsp_server.chat.reading import Opened, source_of
from lsp_server.chat.references import Excerpt, context_of, excerpt, share
from lsp_server.chat.shelves import NoSuchConversation
from lsp_server.chat.store import ConversationStore
from lsp_server.chat.system_prompt import system_prompt
from lsp_server.chat.turns import Turns
from model_runtime.api import (
    ChatRequest,
    Finished,
    FinishReason,
    RuntimeFailure,
    SamplingParams,
    Usage,
)

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

logger = logging.getLogger(__name__)

T = TypeVar("T")
Report = Callable[[Json], None]

_SAMPLING = SamplingParams(temperature=0.2, top_p=0.95)
"""The defaults of example_instructions.py in meta-llama/codellama."""
_EMPTY = ("The model's answer is empty.", "Ask again, or in other words.")
_QUESTION_OF_THE_CONVERSATION = (
    "the id of a question in this conversation. Another window may have taken it back: open the "
    "conversation again"
)
_NOTHING = Usage(0, 0, 0)
_ENDINGS = {FinishReason.STOP: Ending.STOP, FinishReason.LENGTH: Ending.LENGTH}


@dataclass(slots=True)
class _Writing:
    """A reply while it is made."""

    id: str
    model: str
    text: str = ""
    ending: Ending = Ending.FAILED
    usage: Usage = _NOTHING

    def reply(self) -> Reply:
        return Reply(id=self.id, content=self.text, ending=self.ending, model=self.model)


class Chats:
    """Answers questions, and keeps what was said."""

    def __init__(self, ls: FimbriaServer) -> None:
        self._ls = ls
        self.store = ConversationStore(lambda: ls.settings.keep_conversations)
        self._turns: Turns[Json] = Turns()

    def ask(self, asked: Asked, report: Report) -> Coroutine[Any, Any, Json]:
        """Answer a question, reporting partial results; returns the whole result. What it refers to
        is taken as it is at the call.

        Raises NoSuchConversation, JsonRpcInvalidParams, RuntimeFailure, and Superseded when
        something else is asked in the conversation meanwhile. Cancelling ends the engine's work;
        what there is of the answer stays in the conversation.
        """
        conversation_id = asked.conversation or new_id()
        opened = {each.uri: self._ls.documents.snapshot(each.uri) for each in asked.references}
        return self._turns.run(
            conversation_id, lambda: self._turn(conversation_id, asked, opened, report)
        )

    async def remove(self, conversation_id: str) -> None:
        """Stop answering in a conversation, and forget it. Raises NoSuchConversation, OSError."""
        await self._turns.stop(conversation_id)
        await self.store.remove(conversation_id)

    async def close(self) -> None:
        """Stop answering."""
        await self._turns.close()

    async def _turn(
        self, conversation_id: str, asked: Asked, opened: Opened, report: Report
    ) -> Json:
        await self._ls.chat.ready()  # or the question would be kept without anybody to answer it
        before = Conversation(conversation_id)
        if asked.conversation:
            before = await self.store.get(conversation_id)
        excerpts = await self._excerpts(asked, opened)
        question, records = _asked_records(before, asked, excerpts)
        conversation = before.since(records)
        is_kept, held = True, list[Record]()
        if asked.replaces:
            held = records  # nothing is taken back before there is an answer in its place
        elif asked.conversation:
            is_kept = await self._record(conversation_id, records)
        else:
            is_kept = await self.store.create(conversation_id, records)
        writing = _Writing(new_id(), self._ls.chat.model_name)
        report(begin_json(conversation, question, writing.id, excerpts))
        try:
            await self._write(self._request(conversation, question), writing, report)
        finally:
            if writing.text.strip():
                held = [*held, reply_record(question.id, writing.reply(), time.time())]
                is_kept &= await _to_the_end(self._record_reply(conversation_id, held))
        if not writing.text.strip():
            raise RuntimeFailure(*_EMPTY)
        return result_json(conversation, question, writing.reply(), writing.usage, is_kept=is_kept)

    async def _write(self, request: ChatRequest, writing: _Writing, report: Report) -> None:
        began = time.perf_counter()
        try:
            async with aclosing(self._ls.chat.stream(request)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        writing.ending = _ENDINGS.get(event.reason, Ending.ABORTED)
                        writing.usage = event.usage
                    elif event.text:
                        writing.text += event.text
                        report(text_json(event.text))
        except asyncio.CancelledError:
            writing.ending = Ending.ABORTED
            raise
        except RuntimeFailure as failure:
            logger.info("An answer failed: %s", failure.code)
            raise
        took_ms = 1e3 * (time.perf_counter() - began)
        logger.info("Answered %d characters after %.0f ms", len(writing.text), took_ms)

    def _request(self, conversation: Conversation, question: Question) -> ChatRequest:
        length = self._ls.chat.context_length
        max_tokens = answer_budget(self._ls.settings.chat_max_tokens, length)
        room = conversation_budget(length, max_tokens)
        max_chars = None if self._ls.chat.cuts_conversations else room
        return ChatRequest(
            messages=chat_messages(system_prompt(), conversation.turns[:-1], question, max_chars),
            max_tokens=max_tokens,
            sampling=_SAMPLING,
            document=self._ls.document_key(f"conversation:{conversation.id}"),
        )

    async def _excerpts(self, asked: Asked, opened: Opened) -> list[Excerpt]:
        left = context_budget(self._ls.chat.context_length) - len(asked.message)
        excerpts: list[Excerpt] = []
        for index, reference in enumerate(asked.references):
            source = await source_of(self._ls, reference.uri, opened[reference.uri])
            room = share(left, len(asked.references) - index)
            excerpts.append(excerpt(reference, source, self._ls.encoding, room))
            left -= len(excerpts[-1].text)
        return excerpts

    async def _record(self, conversation_id: str, records: list[Record]) -> bool:
        """Keep what has happened; returns whether it is on disk."""
        try:
            return await self.store.append(conversation_id, records)
        except NoSuchConversation:
            return False  # removed meanwhile, perhaps in another window

    async def _record_reply(self, conversation_id: str, records: list[Record]) -> bool:
        """Keep an answer, if that is possible: the user has it in any case."""
        try:
            return await self._record(conversation_id, records)
        except OSError as error:
            logger.warning("An answer cannot be kept: %s", error.strerror or type(error).__name__)
            return False


def _asked_records(
    before: Conversation, asked: Asked, excerpts: list[Excerpt]
) -> tuple[Question, list[Record]]:
    question = Question(
        id=new_id(),
        content=asked.message,
        context=context_of(excerpts),
        references=tuple(reference.json for reference in asked.references),
        asked=time.time(),
    )
    if not asked.replaces:
        return question, [question_record(question)]
    if not before.has_question(asked.replaces):
        raise wrong("replaces", _QUESTION_OF_THE_CONVERSATION)
    return question, [cut_record(asked.replaces), question_record(question)]


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for `work` also while the waiting task is cancelled, which it is afterwards."""
    task, cancelled = asyncio.create_task(work), False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return task.result()
