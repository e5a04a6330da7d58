"""What has been said in the console, and what is asked next."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from lsp_server.cli.console.modes import MARKS, Mode
from lsp_server.cli.errors import usage_error
from model_runtime.api import (
    ChatMessage,
    ChatRequest,
    CompletionRequest,
    Finished,
    FinishReason,
    Layout,
    Priority,
    Request,
    Role,
    SamplingParams,
)

_GO_ON = "Go on exactly where your last answer stopped."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How the model is asked, the same for all of a talk."""

    mode: Mode
    max_tokens: int
    stop: tuple[str, ...] = ()
    sampling: SamplingParams = field(default_factory=SamplingParams)
    layout: Layout = Layout.AUTO
    heal: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """A text and the request that it makes. goes_on: the answer belongs to the last one's."""

    text: str
    request: Request
    goes_on: bool = False


@dataclass(slots=True)
class Answer:
    """What has come of an answer so far; `finished` is None as long as it was not let finish."""

    text: str = ""
    finished: Finished | None = None

    @property
    def cut_by_length(self) -> bool:
        return self.finished is not None and self.finished.reason is FinishReason.LENGTH


@dataclass(slots=True)
class Exchange:
    """A text of the user's and what the model made of it."""

    text: str
    answer: str


@dataclass(slots=True)
class Talk:
    """The state of a console. Line breaks are `\\n` throughout. last: how the last answer ended;
    None if there is none, or if it was stopped.
    """

    ways: Ways
    system: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    last: Finished | None = None
    _key: str = field(default_factory=lambda: f"console-{uuid.uuid4()}")

    def question(self, text: str) -> Question:
        """Ask about `text`. Raises CommandError when it is nothing that can be sent."""
        check_text(text)
        if self.ways.mode.chats:
            return Question(text, self._chat_request(text))
        before, after = split_hole(text) if self.ways.mode.infills else (text, None)
        return Question(text, self._completion_request(before, after))

    def go_on(self) -> Question:
        """Ask for what follows the last answer. Raises CommandError if there is none."""
        if not self.exchanges:
            raise usage_error("there is no answer yet that could go on.")
        if self.ways.mode.chats and self.last is not None and _is_whole(self.last):
            raise usage_error("the last answer has come to its end; ask for what you miss in it.")
        if self.ways.mode.chats:
            return self.question(_GO_ON)
        last = self.exchanges[-1]
        before, after = split_hole(last.text) if self.ways.mode.infills else (last.text, None)
        request = self._completion_request(before + last.answer, after)
        return Question(last.text, request, goes_on=True)

    def record(self, question: Question, answer: Answer) -> None:
        """Keep what was answered; of an answer that never began, nothing."""
        self.last = answer.finished
        if question.goes_on:
            self.exchanges[-1].answer += answer.text
        elif answer.text:
            self.exchanges.append(Exchange(question.text, answer.text))

    def reset(self) -> None:
        """Forget what was said; the system message stays."""
        self.exchanges.clear()
        self.last = None

    def _chat_request(self, text: str) -> ChatRequest:
        return ChatRequest(
            messages=(*self._messages(), ChatMessage(Role.USER, text)),
            max_tokens=self.ways.max_tokens,
            stop=self.ways.stop,
            sampling=self.ways.sampling,
            document=self._key,
        )

    def _messages(self) -> Iterator[ChatMessage]:
        if self.system:
            yield ChatMessage(Role.SYSTEM, self.system)
        for exchange in self.exchanges:
            yield ChatMessage(Role.USER, exchange.text)
            yield ChatMessage(Role.ASSISTANT, exchange.answer)

    def _completion_request(self, before: str, after: str | None) -> CompletionRequest:
        return CompletionRequest(
            prompt=before,
            suffix=after,
            max_tokens=self.ways.max_tokens,
            stop=self.ways.stop,
            sampling=self.ways.sampling,
            layout=self.ways.layout,
            heal=self.ways.heal,
            document=self._key,
            priority=Priority.CHAT,
        )


def _is_whole(last: Finished) -> bool:
    return last.reason is FinishReason.STOP


def split_hole(text: str) -> tuple[str, str]:
    """What stands before and after the mark. Raises CommandError unless there is exactly one."""
    found = [mark for mark in MARKS for _ in range(text.count(mark))]
    if len(found) != 1:
        number = f"{len(found)} marks" if found else "no mark"
        raise usage_error(f"mark the hole with {MARKS[0]} exactly once; the text has {number}.")
    before, _, after = text.partition(found[0])
    return before, after


def check_text(text: str) -> None:
    """Raise CommandError for what no model has a token for."""
    if not text.strip():
        raise usage_error("there is nothing to send: the text is empty.")
    if "\0" in text:
        raise usage_error("this is no text: it contains NUL characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise usage_error("this is no UTF-8 text.") from None
