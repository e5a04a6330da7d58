"""What a slash at the beginning of a line means."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lsp_server.cli.asking import Answer as ShownAnswer
from lsp_server.cli.console.modes import END, MARKS
from lsp_server.cli.console.talk import Question, Talk, check_text
from lsp_server.cli.console.transcript import transcript
from lsp_server.cli.errors import CommandError, usage_error
from lsp_server.cli.render import timings_line
from model_runtime.api import ModelInfo

_COMMAND = re.compile(r"/(?P<name>[a-z]+)(?:[ \t]+(?P<argument>\S.*?))?[ \t]*")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command comes to: a remark, a question for the model, or the end."""

    text: str = ""
    question: Question | None = None
    leave: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """A command's name, without the slash, and what stood behind it."""

    name: str
    argument: str = ""


def parse_command(text: str) -> Called | None:
    """Take a line such as `/save talk.md` apart; None for a text for the model. Whether there is
    such a command is another question.
    """
    match = _COMMAND.fullmatch(text.rstrip("\n"))
    return Called(match["name"], match["argument"] or "") if match else None


def is_known(called: Called) -> bool:
    """Whether there is such a command."""
    return called.name in _COMMANDS


def run_command(called: Called, talk: Talk, info: ModelInfo) -> Reply:
    """Do what a command says. Raises CommandError."""
    command = _COMMANDS.get(called.name)
    if command is None:
        raise usage_error(
            f"there is no command /{called.name}; /help lists them. A blank before the slash "
            "sends it to the model."
        )
    return command(called.argument, talk, info)


def _help(_: str, talk: Talk, __: ModelInfo) -> Reply:
    mode = talk.ways.mode
    if mode.enter_sends:
        keys = (
            "Enter sends; Alt-Enter (or Esc, Enter) begins a new line; what is pasted stays whole"
        )
    else:
        keys = (
            f"{END} alone on a line sends, and so does Alt-Enter (or Esc, Enter); Enter begins a "
            "new line"
        )
    lines = [f"{keys}.", "Arrow keys: the text, and earlier ones."]
    if mode.infills:
        lines.append(f"{MARKS[0]} (or {MARKS[1]}) marks the hole, once.")
    lines.append("Ctrl-C stops an answer or drops the text; Ctrl-D leaves.\n")
    lines += [f"  {usage:<14} {what}" for usage, what in _USAGE.items()]
    return Reply("\n".join(lines))


def _reset(_: str, talk: Talk, __: ModelInfo) -> Reply:
    talk.reset()
    return Reply("Forgotten; the talk begins anew.")


def _more(_: str, talk: Talk, __: ModelInfo) -> Reply:
    return Reply(question=talk.go_on())


def _system(argument: str, talk: Talk, _: ModelInfo) -> Reply:
    if not talk.ways.mode.chats:
        raise usage_error("only chats have a system message: fimbria chat --system TEXT.")
    if argument == "off":
        talk.system = ""
        return Reply("No system message from now on.")
    if argument:
        check_text(argument)
        talk.system = argument
        return Reply("The system message holds from the next answer on; /reset forgets the rest.")
    return Reply(f"System: {talk.system}" if talk.system else "There is no system message.")


def _stats(_: str, talk: Talk, info: ModelInfo) -> Reply:
    if talk.last is None:
        return Reply("There is nothing to tell: no answer yet, or the last one was stopped.")
    return Reply(timings_line(ShownAnswer((), talk.last, info)))


def _model(_: str, __: Talk, info: ModelInfo) -> Reply:
    facts = (
        info.id,
        info.family.replace("_", " ").strip(),
        f"{info.num_parameters / 1e6:.1f} million parameters" if info.num_parameters else "",
        " on ".join(fact for fact in (info.dtype, info.device) if fact),
        f"context {info.context_length}" if info.context_length else "",
        ", ".join(sorted(one.value for one in info.capabilities)),
    )
    return Reply(f"{' · '.join(fact for fact in facts if fact)}\nAnother one: start with --model.")


def _save(argument: str, talk: Talk, info: ModelInfo) -> Reply:
    if not argument:
        raise usage_error("name a file: /save talk.md")
    if not talk.exchanges:
        raise usage_error("there is nothing to save yet.")
    file = Path(os.path.expanduser(argument))
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(transcript(talk, info))
    except FileExistsError:
        raise CommandError(f"{file} is there already; choose another name.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"{file} cannot be written ({reason}).") from None
    return Reply(f"Saved as {file}.")


def _exit(_: str, __: Talk, ___: ModelInfo) -> Reply:
    return Reply(leave=True)


_USAGE: Mapping[str, str] = {
    "/more": "go on with the last answer",
    "/reset": "forget what was said",
    "/system TEXT": "what holds for the whole chat; `off` for nothing",
    "/stats": "what the last answer took",
    "/save FILE": "write all of it as Markdown",
    "/model": "which model answers",
    "/help": "this",
    "/exit": "leave, like Ctrl-D",
}
_COMMANDS: Mapping[str, Callable[[str, Talk, ModelInfo], Reply]] = {
    "more": _more,
    "reset": _reset,
    "system": _system,
    "stats": _stats,
    "save": _save,
    "model": _model,
    "help": _help,
    "exit": _exit,
    "quit": _exit,
}
