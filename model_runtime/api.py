"""The vocabulary that the language server and the model runtime share: requests, events, errors.

This module imports nothing but the standard library, so that a language server that only talks to a
runtime stays light. Both sides speak in text and tokens here; URIs, positions and other terms of
the Language Server Protocol do not appear.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Layout(StrEnum):
    """Order of the parts of a fill-in-the-middle prompt (Bavarian et al., arXiv 2207.14255)."""

    AUTO = "auto"
    PSM = "psm"
    """Prefix, suffix, middle."""
    SPM = "spm"
    """Suffix, prefix, middle: typing only appends to the prompt."""
    FROZEN = "frozen"
    """PSM with a prefix that ends some lines before the cursor; the lines from there on begin the
    middle, so that typing only appends (EFIM, arXiv 2505.21889)."""


class Capability(StrEnum):
    """What a model was trained to do."""

    COMPLETION = "completion"
    INFILLING = "infilling"
    CHAT = "chat"
    PYTHON = "python"


class Priority(StrEnum):
    """What is computed first; earlier ones come first."""

    COMPLETION = "completion"
    """Somebody is typing."""
    CHAT = "chat"
    """Somebody reads along."""
    IDLE = "idle"
    """Nobody waits: warm-ups and guesses, dropped as soon as anything else arrives."""


class OtherFiles(StrEnum):
    """What a model makes of `CompletionRequest.snippets`."""

    IGNORED = "ignored"
    COPIED = "copied"
    """It does not see them, but what it writes is mixed with what stands there (ngrams.py)."""
    SHOWN = "shown"
    """They stand in its prompt."""


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    """The model ended the text, or a stop string came up."""
    LENGTH = "length"
    """`max_tokens` or the model's context was used up."""
    ABORTED = "aborted"
    """The client went away or a newer request superseded this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How the next token is chosen. `temperature` 0 takes the most likely one."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another file; line breaks as `\\n`. path: within the repository."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One completion to compute.

    prompt: the text before the cursor, line breaks as `\\n`.
    suffix: the text after the cursor; None continues `prompt` from left to right, a string (also an
    empty one) fills in between.
    max_tokens: at most this many tokens are generated; 0 only computes the prompt, so that the next
    request finds it in the KV cache.
    stop: the text ends before the first of these strings; none of it is emitted.
    layout: order of the prompt's parts; `auto` takes the model's best.
    heal: when the prefix ends inside a token, regenerate that token from its first byte (token
    healing).
    document: requests with the same key belong to one document; a newer one supersedes the older,
    except that an idle one supersedes only idle ones.
    num_candidates: how many different answers; with temperature 0 each begins with another token.
    drafts: guesses of the text that comes next, best first; checked by the model, never believed.
    speculate: whether drafts are used at all; changes how long it takes, not what comes out.
    snippets: pieces of other files, the most helpful ones last. What a model makes of them says
    `ModelInfo.other_files`; it sees as many as take up to a quarter of its context.
    path, repository: what the document is called beside snippets that are shown; may be empty.
    """

    prompt: str
    suffix: str | None = None
    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    sampling: SamplingParams = SamplingParams()
    layout: Layout = Layout.AUTO
    heal: bool = True
    document: str | None = None
    priority: Priority = Priority.COMPLETION
    num_candidates: int = 1
    drafts: tuple[str, ...] = ()
    speculate: bool = True
    snippets: tuple[Snippet, ...] = ()
    path: str = ""
    repository: str = ""


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    """What holds for the whole conversation; at most the first message."""
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation; line breaks as `\\n`."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """The next answer in a conversation.

    messages: an optional system message, then user and assistant in turn; the last one is the
    user's. Where all of it is too long for the model's context, the oldest turns are left out.
    document: the conversation's key; a newer request supersedes an older one with the same key.
    model: which model answers; empty takes the runtime's own if it chats, else its chat model.
    The other fields mean what they mean in a CompletionRequest.
    """

    messages: tuple[ChatMessage, ...]
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    sampling: SamplingParams = SamplingParams()
    document: str | None = None
    priority: Priority = Priority.CHAT
    num_candidates: int = 1
    drafts: tuple[str, ...] = ()
    speculate: bool = True
    model: str = ""


Request = CompletionRequest | ChatRequest
"""What an engine computes."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request. `prompt_tokens` = `cached_tokens` + `computed_tokens`.

    draft_tokens: guessed and checked; accepted_tokens: those of them that were right.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    draft_tokens: int = 0
    accepted_tokens: int = 0

    @property
    def computed_tokens(self) -> int:
        """Prompt tokens that were not in the KV cache."""
        return self.prompt_tokens - self.cached_tokens


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a request's time went, in milliseconds. `prefill_ms` ends with the first token; the
    rest is `decode_ms`.
    """

    queue_ms: float
    prefill_ms: float
    decode_ms: float

    @property
    def total_ms(self) -> float:
        return self.queue_ms + self.prefill_ms + self.decode_ms


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next piece of text of a candidate. Pieces never split a character or a stop string.

    logprobs: log-probabilities, of the tokens chosen since the candidate's last chunk; text held
    back can make them come a chunk early. The text may be empty where they come last.
    """

    text: str
    index: int = 0
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """How one candidate ended.

    mean_logprob: of all its tokens, the one that ended it included; 0 if there are none.
    first_drop: characters of its text before the first token that was less likely than the model's
    `min_token_logprob`; None if there was none.
    """

    reason: FinishReason
    mean_logprob: float = 0.0
    first_drop: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every request that did not fail. `reason`: the first candidate's."""

    reason: FinishReason
    usage: Usage
    timings: Timings
    candidates: tuple[Candidate, ...] = ()


Event = Chunk | Finished


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer; `text` is the first candidate's, `texts` are all of them."""

    text: str
    model: str
    finish_reason: FinishReason
    usage: Usage
    timings: Timings
    texts: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a client may know about a loaded model."""

    id: str
    context_length: int
    """Tokens that prompt and answer share."""
    capabilities: frozenset[Capability]
    family: str = ""
    """The model family's name, see model_runtime.families; empty if the runtime does not tell."""
    layouts: tuple[Layout, ...] = ()
    """Trained prompt orders, the default first; empty without infilling."""
    single_line: bool = False
    """Ghost text of this model is best kept to the rest of a line: further lines are rarely right.
    """
    min_mean_logprob: float | None = None
    """Ghost text whose tokens are less likely than this on average is better not shown."""
    min_token_logprob: float | None = None
    """Ghost text is better cut before a line with a token that is less likely than this."""
    languages: tuple[str, ...] = ()
    """What it was trained on, by the names of grammars; empty where that does not matter."""
    min_token_logprob_elsewhere: float | None = None
    """The same as min_token_logprob for code in other languages; None if it is the same."""
    other_files: OtherFiles = OtherFiles.IGNORED
    num_parameters: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    kernels: str = ""
    """What computes the steps, such as `torch`; empty if the runtime does not tell."""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a model's loading has come; `fraction` from 0 to 1."""

    stage: str
    fraction: float


class RuntimeFailure(Exception):
    """Something that the user should be told: `message` says what is wrong, `hint` what to do next.

    ├── InvalidRequest      the request itself is wrong
    │   └── MissingCapability   the model was not trained for it
    ├── ModelNotFound       no such model folder, or files missing in it
    ├── UnsupportedModel    the model's files are there, but this runtime cannot run them
    ├── OutOfMemory         the device has too little memory
    └── RuntimeUnavailable  the daemon cannot be reached, started, or has ended
    """

    code = "runtime_failure"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidRequest(RuntimeFailure):  # noqa: D101
    code = "invalid_request"


class MissingCapability(InvalidRequest):  # noqa: D101
    code = "missing_capability"


class ModelNotFound(RuntimeFailure):  # noqa: D101
    code = "model_not_found"


class UnsupportedModel(RuntimeFailure):  # noqa: D101
    code = "unsupported_model"


class OutOfMemory(RuntimeFailure):  # noqa: D101
    code = "out_of_memory"


class RuntimeUnavailable(RuntimeFailure):  # noqa: D101
    code = "runtime_unavailable"


class Runtime(Protocol):
    """A model that answers, wherever it runs."""

    async def info(self) -> ModelInfo:
        """Describe the model; waits until it is loaded. Raises RuntimeFailure."""

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Yield chunks, then exactly one Finished. Closing the iterator or cancelling the task that
        reads it aborts the request in the engine. Raises RuntimeFailure.
        """

    async def complete(self, request: Request) -> Completion:
        """Collect a whole answer; cancelling the awaiting task aborts the request in the engine.
        Raises RuntimeFailure.
        """

    async def close(self) -> None:
        """Release connections; the daemon lives on."""


ProgressCallback = Callable[[LoadProgress], None]
