"""Reads a streamed answer of an engine that speaks OpenAI's API, whatever it leaves out.

Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html; of them only
`data` lines say something here.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from model_runtime.api import Candidate, Chunk, Finished, FinishReason, Timings, Usage
from model_runtime.openai_messages import Json, Part, read_part
from model_runtime.stopping import TextAssembler

if TYPE_CHECKING:
    import aiohttp

_DONE = b"[DONE]"
_MOST_CHARACTERS = 32
"""Of a token, on average: no text of any language or program comes near it."""
_MANY_CHARACTERS = 8
_SPARE_PIECES = 16


class Answer:
    """What has come of an answer so far. The text ends before the first stop string, also where an
    engine sends it along.

    max_tokens: for each candidate; what goes on far beyond them comes from an engine that does not
    heed them.
    """

    def __init__(self, num_candidates: int, max_tokens: int, stops: Sequence[str]) -> None:
        self.model = ""
        self.error: object = None
        self.done = False
        """Whether the engine has said that nothing follows."""
        self._usage = Usage(0, 0, 0)
        self._max_tokens = num_candidates * max_tokens
        self._num_pieces = 0
        self._num_characters = 0
        self._texts = [""] * num_candidates
        self._assemblers = [TextAssembler(stops) for _ in range(num_candidates)]
        self._ends: dict[int, FinishReason] = {}

    @property
    def texts(self) -> tuple[str, ...]:
        """The candidates' texts; some engines give one whatever is asked."""
        with_text = [index for index, text in enumerate(self._texts) if text]
        return tuple(self._texts[: 1 + max([0, *self._ends, *with_text])])

    @property
    def complete(self) -> bool:
        """Whether nothing is missing. Some engines send no end mark, some no reason."""
        return self.done or self.stopped or self.endless or bool(self._ends)

    @property
    def endless(self) -> bool:
        """Whether this is more than the tokens that were asked for can be. An engine sends one or
        more of them at a time, some a character at a time: neither count says it alone.
        """
        num_pieces, num_characters = self._num_pieces, self._num_characters
        if num_characters > _MOST_CHARACTERS * (self._max_tokens + _SPARE_PIECES):
            return True
        too_many = num_pieces > self._max_tokens + _SPARE_PIECES
        return too_many and num_characters > _MANY_CHARACTERS * self._max_tokens

    @property
    def stopped(self) -> bool:
        """Whether all candidates have reached a stop string: the rest need not be read."""
        return all(assembler.stopped for assembler in self._assemblers)

    def take(self, part: Part) -> list[Chunk]:
        """Add a part; returns what of its text is certain."""
        self.model = part.model or self.model
        self._usage = part.usage or self._usage
        self._num_pieces += len(part.chunks) or bool(part.num_thought)
        self._num_characters += part.num_thought + sum(len(chunk.text) for chunk in part.chunks)
        chunks = [
            self._say(chunk.index, self._assemblers[chunk.index].push(chunk.text.encode()))
            for chunk in part.chunks
            if chunk.index < len(self._texts)
        ]
        for index, reason in part.ends.items():
            if index < len(self._texts):
                self._ends.setdefault(index, reason)
        return [chunk for chunk in chunks if chunk.text]

    def rest(self) -> list[Chunk]:
        """What was held back because it could have become a stop string."""
        held = [self._say(index, a.flush()) for index, a in enumerate(self._assemblers)]
        return [chunk for chunk in held if chunk.text]

    def finished(self, began: float, first: float) -> Finished:
        """The last event. began, first: when the request was sent and its first text came, in
        seconds of `time.perf_counter`.
        """
        unsaid = FinishReason.LENGTH if self.endless else FinishReason.STOP
        reasons = [
            FinishReason.STOP if assembler.stopped else self._ends.get(index, unsaid)
            for index, assembler in enumerate(self._assemblers[: len(self.texts)])
        ]
        now = time.perf_counter()
        first = now if first == began else first
        timings = Timings(0.0, 1e3 * (first - began), 1e3 * (now - first))
        return Finished(reasons[0], self._usage, timings, tuple(map(Candidate, reasons)))

    def _say(self, index: int, text: str) -> Chunk:
        self._texts[index] += text
        return Chunk(text, index)


async def read_answer(
    response: aiohttp.ClientResponse, answer: Answer
) -> AsyncGenerator[Chunk, None]:
    """Yield an answer's text as it comes, and keep in `answer` what else it says. Raises TypeError
    or ValueError on what is no such answer.
    """
    async with aclosing(_messages(response, answer)) as messages:
        async for message in messages:
            if message.get("error") or message.get("object") == "error":
                answer.error = message
                return
            for chunk in answer.take(read_part(message)):
                yield chunk
            if answer.stopped:
                return
            if answer.endless:
                break
    for chunk in answer.rest():
        yield chunk


async def _messages(response: aiohttp.ClientResponse, answer: Answer) -> AsyncGenerator[Json, None]:
    if response.content_type == "application/json":  # an engine that does not stream
        yield _object(await response.read())
        return
    if response.content_type != "text/event-stream":
        raise ValueError("no event stream")
    async with aclosing(_data_lines(response.content)) as lines:
        async for line in lines:
            if line == _DONE:
                answer.done = True
                return
            yield _object(line)


async def _data_lines(lines: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
    async for line in lines:
        if line.startswith(b"data:"):
            yield line.removeprefix(b"data:").strip()


def _object(text: bytes) -> Json:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value
