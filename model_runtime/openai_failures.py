"""What to tell the user when an engine elsewhere refuses, fails or falls silent."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from model_runtime.api import InvalidRequest, ModelNotFound, RuntimeFailure, RuntimeUnavailable

_MAX_QUOTED = 300
_SENTENCE_ENDS = (".", "!", "?", "…", "。")
_URL_HINT = "chat_endpoint is the URL that ends before /chat/completions, most often in /v1."


def in_words(error: OSError) -> str:
    """What an error of the system says, without its number."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


@dataclass(frozen=True, slots=True)
class Complaints:
    """Failures of the engine at `url`. secret: what must not be repeated, though the engine may."""

    url: str
    secret: str = field(default="", repr=False)

    def refused(self, status: int, body: bytes, model: str) -> RuntimeFailure:
        """For an answer with an HTTP status that is none of success."""
        said = self._without_secret(quoted(body))
        if status in (401, 403):
            return RuntimeFailure(
                f"The engine at {self.url} refuses the key.{said}",
                "Set $FIMBRIA_CHAT_API_KEY, or chat_api_key in the settings.",
            )
        if status == 404:
            return self._not_found(said, model)
        if status < 400:
            return RuntimeFailure(f"The engine at {self.url} answers with a redirect.", _URL_HINT)
        if status == 429:
            return RuntimeUnavailable(
                f"The engine at {self.url} has too much to do.{said}", "Try again later."
            )
        if status < 500:
            return InvalidRequest(
                f"The engine at {self.url} refuses the request (HTTP {status}).{said}",
                "Ask for less, or choose another model there with chat_model.",
            )
        return RuntimeUnavailable(
            f"The engine at {self.url} has failed (HTTP {status}).{said}",
            "Its log says why; it may still be loading its model.",
        )

    def unreachable(self, why: str) -> RuntimeUnavailable:
        return RuntimeUnavailable(
            f"No engine answers at {self.url} ({one_line(why)}).",
            "Start it, or correct chat_endpoint.",
        )

    def silent(self, seconds: float) -> RuntimeUnavailable:
        return RuntimeUnavailable(
            f"The engine at {self.url} has said nothing for {seconds:g} s.",
            "It may be loading its model, or have too much to do: try again, or look at its log.",
        )

    def cut_off(self) -> RuntimeUnavailable:
        return RuntimeUnavailable(
            f"The engine at {self.url} broke off in the middle of its answer.",
            "Try again; its log may say why.",
        )

    def broke_off(self, error: object) -> RuntimeFailure:
        """For an error that comes in place of the rest of an answer."""
        return RuntimeFailure(
            f"The engine at {self.url} has failed in the middle of its answer."
            f"{self._without_secret(_says(error))}",
            "Its log may say more.",
        )

    def unreadable(self) -> RuntimeFailure:
        return RuntimeFailure(
            f"What {self.url} answers is not OpenAI's API, or damaged.", _URL_HINT
        )

    def _without_secret(self, text: str) -> str:
        return text.replace(self.secret, "…") if self.secret else text

    def _not_found(self, said: str, model: str) -> RuntimeFailure:
        if "model" in said.lower():
            name = f" {model}" if model else ""
            return ModelNotFound(
                f"The engine at {self.url} does not have the model{name}.{said}",
                f"Set chat_model to a name that {self.url}/models lists.",
            )
        return RuntimeFailure(f"There is no chat at {self.url}.{said}", _URL_HINT)


def quoted(body: bytes) -> str:
    """What an error's body says, in one line, with a space before it; empty if that is nothing for
    people to read.
    """
    try:
        return _says(json.loads(body))
    except (ValueError, RecursionError):
        return ""


def _says(error: object) -> str:
    for _ in range(3):  # {"error": {"message": …}}, {"error": …}, {"detail": …}, {"message": …}
        if isinstance(error, dict):
            members = (error.get(name) for name in ("error", "message", "detail"))
            error = next((member for member in members if member), None)
    if not isinstance(error, str) or not (words := one_line(error)):
        return ""
    return f" It says: {words}" if words.endswith(_SENTENCE_ENDS) else f" It says: {words}."


def one_line(text: str) -> str:
    """At most a few hundred characters without line breaks and control characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _MAX_QUOTED else line[:_MAX_QUOTED] + "…"
