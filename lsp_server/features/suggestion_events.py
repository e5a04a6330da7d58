"""What editors tell about suggestions: the command of an accepted one, and, from clients that know
`experimental.fimbria.events`, the notifications `fimbria/didShowCompletion`, `didAcceptCompletion`
and `didDismissCompletion`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsp_server.lean_types import types

if TYPE_CHECKING:
    from collections.abc import Callable

    from lsp_server.language_server import FimbriaServer

ACCEPTED_COMMAND = "fimbria.suggestionAccepted"
SHOWN = "fimbria/didShowCompletion"
ACCEPTED = "fimbria/didAcceptCompletion"
DISMISSED = "fimbria/didDismissCompletion"


def command_of(identity: str) -> types.Command:
    """What the editor runs when it accepts a suggestion whole."""
    return types.Command("Suggestion accepted", ACCEPTED_COMMAND, arguments=[identity])


def on_command(ls: FimbriaServer, *arguments: object) -> None:
    """A suggestion was accepted whole."""
    if arguments and isinstance(arguments[0], str):
        ls.offers.accepted(arguments[0])


def on_shown(ls: FimbriaServer, params: object) -> None:
    """A suggestion was drawn."""
    _with_id(params, ls.offers.shown)


def on_dismissed(ls: FimbriaServer, params: object) -> None:
    """A suggestion was taken away by the user."""
    _with_id(params, ls.offers.dismissed)


def on_accepted(ls: FimbriaServer, params: object) -> None:
    """All of a suggestion was accepted, or the next `acceptedLength` characters of it."""
    length = getattr(params, "acceptedLength", None)
    num_chars = length if isinstance(length, int) and not isinstance(length, bool) else None
    _with_id(params, lambda identity: ls.offers.accepted(identity, num_chars))


HANDLERS: dict[str, Callable[[Any, Any], None]] = {
    SHOWN: on_shown,
    ACCEPTED: on_accepted,
    DISMISSED: on_dismissed,
}


def _with_id(params: object, act: Callable[[str], None]) -> None:
    identity = getattr(params, "id", None)
    if isinstance(identity, str):
        act(identity)
