"""Checks the JSON body of POST /v1/completions: every mistake is an InvalidRequest that names the
field. For conversations see chat_body.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_runtime.api import CompletionRequest, Layout, Priority, Request, Snippet
from model_runtime.fields import MAX_CANDIDATES, Fields, refuse_misspelt, refuse_unsupported

MAX_SNIPPETS = 256

# Fields of OpenAI's API that would change the answer but that this runtime does not have, with the
# values that change nothing.
_UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    "best_of": (1,),
    "echo": (False,),
    "logprobs": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
}

_FIELDS = frozenset(
    [
        "model",
        "prompt",
        "suffix",
        "max_tokens",
        "stop",
        "temperature",
        "top_p",
        "seed",
        "stream",
        "stream_options",
        "layout",
        "heal",
        "document",
        "priority",
        "n",
        "drafts",
        "speculate",
        "snippets",
        "path",
        "repository",
    ]
)


@dataclass(frozen=True, slots=True)
class Body:
    """A checked request body.

    model: the one that the client asks for; None takes the one there is. separate_usage: a streamed
    answer ends with a message of its own for the counts, as OpenAI's `include_usage` has it.
    chat_model: the second model of a client's settings; empty takes the daemon's.
    """

    request: Request
    stream: bool
    model: str | None
    separate_usage: bool = False
    chat_model: str = ""


def parse_completion(body: Mapping[str, object]) -> Body:
    """Read a body of POST /v1/completions. Raises InvalidRequest."""
    fields = Fields(body)
    refuse_unsupported(body, _UNSUPPORTED)
    refuse_misspelt(body, _FIELDS, _UNSUPPORTED)
    request = CompletionRequest(
        prompt=fields.required_text("prompt"),
        suffix=fields.text("suffix"),
        max_tokens=fields.integer("max_tokens", 64, low=0),
        stop=fields.stop_strings("stop"),
        sampling=fields.sampling(),
        layout=fields.choice("layout", Layout.AUTO),
        heal=fields.flag("heal", True),
        document=fields.text("document"),
        priority=fields.choice("priority", Priority.COMPLETION),
        num_candidates=fields.integer("n", 1, low=1, high=MAX_CANDIDATES),
        drafts=fields.drafts("drafts"),
        speculate=fields.flag("speculate", True),
        snippets=_snippets(fields),
        path=fields.text("path") or "",
        repository=fields.text("repository") or "",
    )
    return Body(request, fields.flag("stream", False), fields.text("model"), fields.wants_usage())


def _snippets(fields: Fields) -> tuple[Snippet, ...]:
    members = [Fields(item, f"{name}.") for name, item in fields.objects("snippets", MAX_SNIPPETS)]
    return tuple(
        Snippet(member.required_text("path"), member.required_text("text")) for member in members
    )
