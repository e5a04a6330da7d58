"""What is said to engines that speak OpenAI's API, and what they answer: vLLM, llama.cpp, Ollama,
`transformers serve`, TGI, SGLang and their kind.

Format: https://platform.openai.com/docs/api-reference/chat and …/completions. Only fields that all
of them know are sent; of an answer everything may be absent but the text. Reading functions raise
KeyError, TypeError or ValueError on what is no such answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from model_runtime.api import ChatRequest, Chunk, FinishReason, Request, Usage

Json = dict[str, Any]

UNKNOWN_CONTEXT_LENGTH = 8192
"""What is assumed of a model whose engine does not say how much it reads at once."""
_MAX_STOPS = 4
"""OpenAI takes no more; the others are looked for on this side."""
_THOUGHTS = ("reasoning_content", "reasoning")
_CONTEXT_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
_CONTEXT_NAMES_IN_META = ("n_ctx", "n_ctx_train")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where engines differ: what the limit is called, and whether a stream may be asked for its
    counts.
    """

    max_tokens: str = "max_tokens"
    asks_usage: bool = True


def path_of(request: Request) -> str:
    """Where `request` is posted, behind the base URL."""
    return "/chat/completions" if isinstance(request, ChatRequest) else "/completions"


def body_of(request: Request, model: str, dialect: Dialect) -> Json:
    """The body that asks for a streamed answer. model: empty leaves the choice to the engine."""
    body: Json = {
        **_asked(request),
        dialect.max_tokens: request.max_tokens,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "stream": True,
    }
    if model:
        body["model"] = model
    if request.stop:
        body["stop"] = list(request.stop[:_MAX_STOPS])
    if request.sampling.seed is not None:
        body["seed"] = request.sampling.seed
    if request.num_candidates > 1:
        body["n"] = request.num_candidates
    if dialect.asks_usage:
        body["stream_options"] = {"include_usage": True}
    return body


def _asked(request: Request) -> Json:
    if isinstance(request, ChatRequest):
        return {
            "messages": [{"role": m.role.value, "content": m.content} for m in request.messages]
        }
    suffix = {} if request.suffix is None else {"suffix": request.suffix}
    return {"prompt": request.prompt, **suffix}


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as an engine lists it."""

    id: str
    context_length: int


def read_models(answer: object) -> list[Listed]:
    """The models in an answer to GET /models; some engines send the bare list."""
    entries = answer.get("data") if isinstance(answer, dict) else answer
    if not isinstance(entries, list):
        raise TypeError("no list of models")
    return [
        Listed(entry["id"], _context_length(entry))
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    ]


def _context_length(entry: Json) -> int:
    ours, meta = _object(entry.get("fimbria")), _object(entry.get("meta"))
    known = [
        *(_object(place).get(name) for place in (entry, ours) for name in _CONTEXT_NAMES),
        *(meta.get(name) for name in _CONTEXT_NAMES_IN_META),
    ]
    return next((n for n in known if isinstance(n, int) and n > 0), UNKNOWN_CONTEXT_LENGTH)


@dataclass(frozen=True, slots=True)
class Part:
    """What one message of a streamed answer says. num_thought: characters that an engine tells of
    its model's thoughts; ends: why candidates have ended.
    """

    chunks: tuple[Chunk, ...]
    num_thought: int
    ends: Mapping[int, FinishReason]
    usage: Usage | None
    model: str


def read_part(message: Json) -> Part:
    """Read a message of a streamed answer, or an answer in one piece."""
    choices = message.get("choices") or []
    if not all(isinstance(choice, dict) for choice in choices):
        raise TypeError("a choice is no object")
    pieces = [(int(choice.get("index") or 0), choice) for choice in choices]
    return Part(
        chunks=tuple(Chunk(text, index) for index, choice in pieces if (text := _text(choice))),
        num_thought=sum(_num_thought(choice) for _, choice in pieces),
        ends={
            index: _reason(choice["finish_reason"])
            for index, choice in pieces
            if choice.get("finish_reason")
        },
        usage=_usage(_object(message.get("usage"))),
        model=str(message.get("model") or ""),
    )


def _text(choice: Json) -> str:
    said = _object(choice.get("delta") or choice.get("message"))
    text = said.get("content") or choice.get("text") or ""
    if not isinstance(text, str):
        raise TypeError("the text is no string")
    return text


def _num_thought(choice: Json) -> int:
    said = _object(choice.get("delta") or choice.get("message"))
    thoughts = (said.get(name) for name in _THOUGHTS)
    return max((len(thought) for thought in thoughts if isinstance(thought, str)), default=0)


def _reason(given: object) -> FinishReason:
    known: Iterable[FinishReason] = (FinishReason.LENGTH, FinishReason.ABORTED)
    return next((reason for reason in known if reason.value == given), FinishReason.STOP)


def _usage(usage: Json) -> Usage | None:
    if "prompt_tokens" not in usage:
        return None
    cached = _object(usage.get("prompt_tokens_details")).get("cached_tokens") or 0
    return Usage(int(usage["prompt_tokens"]), int(cached), int(usage.get("completion_tokens") or 0))


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
