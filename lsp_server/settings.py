"""What a user can set, where it comes from, and what is said about values that make no sense.

Later sources win: the user's `config.toml` (user_config.py), environment (`FIMBRIA_MODEL` …), flags
of `fimbria lsp`, the editor's `initializationOptions` and `workspace/didChangeConfiguration`. A
problem never stops the server: the value so far stays, and the user is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.endpoint import parsed_endpoint
from model_runtime.api import RuntimeFailure
from model_runtime.kv_cache.memory_share import parse_memory

if TYPE_CHECKING:
    from lsp_server.actions.own import OwnAction

ENVIRONMENT_PREFIX = "FIMBRIA_"
SECTION = "fimbria"


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("a text that is not empty")


@dataclass(frozen=True, slots=True)
class OneOf:
    """A parser that takes one of some words."""

    choices: tuple[str, ...]

    def __call__(self, value: object) -> str:
        if isinstance(value, str) and value.lower() in self.choices:
            return value.lower()
        near = get_close_matches(str(value).lower(), self.choices, n=1)
        raise ValueError(
            f"one of {', '.join(self.choices)}" + (f" (perhaps {near[0]}?)" if near else "")
        )


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A parser that takes a whole number, both limits included."""

    low: int
    high: int

    def __call__(self, value: object) -> int:
        number = _as_number(value)
        if number is None or not number.is_integer() or not self.low <= number <= self.high:
            raise ValueError(f"a whole number from {self.low} to {self.high}")
        return int(number)


def _seconds(value: object) -> float:
    number = _as_number(value)
    if number is None or not 0 <= number < float("inf"):
        raise ValueError("a number of seconds, 0 for never")
    return number


def _as_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("1", "true", "yes", "on"):
        return True
    if isinstance(value, str) and value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("true or false")


def _path(value: object) -> Path:
    try:
        return Path(_text(value)).expanduser()
    except RuntimeError as error:
        raise ValueError("the path of a file") from error


def _amount_of_memory(value: object) -> str:
    text = _text(value)
    try:
        parse_memory(text)
    except RuntimeFailure as failure:
        raise ValueError("an amount of memory, such as auto, 4GiB, 512MB or 40%") from failure
    return text


def _text_or_nothing(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    raise ValueError("a text")


def _patterns(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("a list of patterns as in .gitignore")
    return tuple(part.strip() for part in parts if part.strip())


def _own_actions(value: object) -> tuple[OwnAction, ...]:
    from lsp_server.actions.own import own_actions  # only few have some, and all start up

    return own_actions(value)


_ACTION_SCHEMA = {
    "type": "object",
    "required": ["title", "prompt"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string"},
        "prompt": {"type": "string"},
        "kind": {"type": "string"},
        "result": {"enum": ["edit", "answer"]},
    },
}
_LOG_LEVELS = ("debug", "info", "warning", "error")
_DOCSTRING_STYLES = ("auto", "google", "numpy", "sphinx")
DTYPES = ("auto", "float32", "float16", "bfloat16", "int8", "int4", "nf4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one server. Every field's metadata hold its parser."""

    model: str = field(default="starter", metadata={"parse": _text})
    """`starter`, the folder of a checkpoint in Hugging Face layout, or OWNER/NAME of one that
    `fimbria models pull` has downloaded.
    """
    device: str = field(default="auto", metadata={"parse": _text})
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps` …"""
    dtype: str = field(default="auto", metadata={"parse": OneOf(DTYPES)})
    """Number format of the weights; `auto` takes what the device computes best."""
    kv_memory: str = field(default="auto", metadata={"parse": _amount_of_memory})
    """Memory that a daemon may reserve for its KV cache: `4GiB`, `512MB`, `40%` of what is free,
    `auto`. One that runs already keeps what it has.
    """
    adapter: str = field(default="", metadata={"parse": _text_or_nothing})
    """Folder or hub name of a LoRA adapter for the model; empty for none."""
    context_length: int = field(default=0, metadata={"parse": WholeNumber(0, 1_000_000)})
    """Tokens of a prompt and its answer; 0 takes what suits the model and the memory."""
    family: str = field(default="", metadata={"parse": _text_or_nothing})
    """The model's family, where its checkpoint does not tell; empty to find out."""
    chat_model: str = field(default="", metadata={"parse": _text_or_nothing})
    """A second model for chats and code actions where `model` does not chat, loaded when first
    needed; with `chat_endpoint`, the name of a model there.
    """
    chat_endpoint: str = field(default="", metadata={"parse": parsed_endpoint})
    """Base URL of an engine that speaks OpenAI's API, such as http://127.0.0.1:8080/v1, for chats
    and code actions. Only with it does text leave for where it points to.
    """
    chat_api_key: str = field(default="", repr=False, metadata={"parse": _text_or_nothing})
    """What `chat_endpoint` wants as a bearer token; better set as $FIMBRIA_CHAT_API_KEY."""
    chat_max_tokens: int = field(default=1024, metadata={"parse": WholeNumber(1, 32_768)})
    """Longest answer in a chat."""
    keep_conversations: bool = field(default=True, metadata={"parse": _switch})
    """Keep conversations in the user's data folder; off, they end with the editor's session."""
    actions: tuple[OwnAction, ...] = field(
        default=(), metadata={"parse": _own_actions, "items": _ACTION_SCHEMA}
    )
    """Code actions of your own: a list of tables with `title`, `prompt` (a template with
    `{{code}}`, `{{before}}`, `{{after}}`, `{{language}}`, `{{path}}`, `{{name}}`), `result`
    (`edit` changes the code, `answer` is shown) and `kind` (a code action kind).
    """
    confirm_edits: bool = field(default=True, metadata={"parse": _switch})
    """Ask the editor to show what a code action changes before it does, where it can."""
    exclude: tuple[str, ...] = field(default=(), metadata={"parse": _patterns})
    """Files that never enter a prompt about another file, as patterns of `.gitignore`; secrets such
    as `.env` and what `.gitignore` names are left out anyway.
    """
    docstring_style: str = field(default="auto", metadata={"parse": OneOf(_DOCSTRING_STYLES)})
    """Style of new Python docstrings; `auto` takes that of the file's other ones, `google` where
    there are none. One that has sections keeps its style.
    """
    transport: str = field(default="auto", metadata={"parse": OneOf(("auto", "unix", "tcp"))})
    """How to reach the daemon."""
    max_tokens: int = field(default=64, metadata={"parse": WholeNumber(1, 1024)})
    """Longest suggestion."""
    completion_menu: str = field(default="auto", metadata={"parse": OneOf(("auto", "on", "off"))})
    """Whether suggestions are entries of the completion menu, too; `auto`: where the editor knows
    no ghost text. Holds from the editor's start.
    """
    idle_timeout_s: float = field(default=1800.0, metadata={"parse": _seconds})
    """The daemon ends after so many seconds without work; 0 keeps it."""
    warm_up: bool = field(default=True, metadata={"parse": _switch})
    """Load the model when the editor starts instead of with the first request, and let it read a
    change before ghost text is asked for there.
    """
    snippets: bool = field(default=True, metadata={"parse": _switch})
    """Let the model see, or copy from, pieces of other files that you have opened in this session
    and that `exclude`, `.gitignore` and their names allow. Most models can.
    """
    guess_ahead: bool = field(default=True, metadata={"parse": _switch})
    """While idle, compute what comes after the ghost text that is shown, so that accepting it shows
    more at once.
    """
    statistics: bool = field(default=True, metadata={"parse": _switch})
    """Keep what became of suggestions, for `fimbria stats`: numbers only, on this machine only."""
    log_file: Path | None = field(default=None, metadata={"parse": _path})
    """Where the server logs; unset, `lsp.log` in the user's log folder."""
    log_level: str = field(default="info", metadata={"parse": OneOf(_LOG_LEVELS)})
    """Only `debug` writes text of documents to the log."""


_PARSERS: Mapping[str, Callable[[object], object]] = {
    item.name: item.metadata["parse"] for item in fields(Settings)
}
_OTHER_VARIABLES = frozenset({"FIMBRIA_RUNTIME_DIR"})


def apply(
    settings: Settings, values: Mapping[str, object], source: str
) -> tuple[Settings, list[str]]:
    """Overlay the valid ones of `values` (snake or camel case); null means unset.

    Returns the new settings and, for each problem, a sentence for the user that names `source`.
    """
    problems = []
    for key, value in values.items():
        name = _snake_case(key)
        if name not in _PARSERS:
            problems.append(f'{source}: unknown setting "{key}".{_did_you_mean(name)}')
        elif value is not None:
            try:
                parsed: Any = _PARSERS[name](value)
                settings = replace(settings, **{name: parsed})
            except ValueError as error:
                usable = getattr(error, "usable", None)  # of a list of which a part is wrong
                if usable is None:
                    kept = _kept(settings, name)
                else:
                    settings = replace(settings, **{name: usable})
                    kept = getattr(error, "kept", "the others are used")
                problems.append(f'{source}: "{key}" must be {error}; {kept}.')
    return settings, problems


def _kept(settings: Settings, name: str) -> str:
    """Secrets are not repeated, nor what has no short form; switches are told as they are set."""
    value = getattr(settings, name)
    is_secret = not Settings.__dataclass_fields__[name].repr
    if is_secret or value in (None, "") or isinstance(value, tuple):
        return "it is left as it was"
    return f'keeping "{str(value).lower() if isinstance(value, bool) else value}"'


def from_environment(
    environment: Mapping[str, str], settings: Settings | None = None
) -> tuple[Settings, list[str]]:
    """Overlay `FIMBRIA_*`; a variable that resembles no setting belongs to somebody else."""
    values: dict[str, object] = {}
    for key, value in environment.items():
        if not key.startswith(ENVIRONMENT_PREFIX) or key in _OTHER_VARIABLES:
            continue
        name = key.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name in _PARSERS or _nearest(name, cutoff=0.8):
            values[name] = value
    return apply(settings or Settings(), values, "environment")


def initial_values(options: object) -> Mapping[str, object]:
    """Find the settings in `initializationOptions`: under our name, or they are all there is."""
    is_named = not isinstance(options, Mapping) or SECTION in options
    return configured_values(options if is_named else {SECTION: options})


def configured_values(configuration: object) -> Mapping[str, object]:
    """Find our section in an editor's configuration, which may hold other servers' sections too."""
    return section_of(configuration) or {}


def section_of(configuration: object) -> Mapping[str, object] | None:
    """Our section; None where the configuration says nothing of us, which is not the same as an
    empty section: that one takes everything back.
    """
    section = configuration.get(SECTION) if isinstance(configuration, Mapping) else None
    return section if isinstance(section, Mapping) else None


def _snake_case(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda match: "_" + match.group(), key).lower()


def _nearest(name: str, cutoff: float = 0.6) -> str | None:
    return next(iter(get_close_matches(name, _PARSERS, n=1, cutoff=cutoff)), None)


def _did_you_mean(name: str) -> str:
    near = _nearest(name)
    return f' Did you mean "{near}"?' if near else ""
