"""What can go wrong on the command line, and the exit status that goes with it."""

from __future__ import annotations

from model_runtime.api import InvalidRequest, RuntimeFailure

RUNTIME_STATUS = 1
USAGE_STATUS = 2


class CommandError(Exception):
    """Told to the user as one line; `status` becomes the command's exit status."""

    def __init__(self, message: str, *, status: int = RUNTIME_STATUS) -> None:
        super().__init__(message)
        self.status = status


def usage_error(message: str) -> CommandError:
    """Describe something wrong with how the command was called."""
    return CommandError(message, status=USAGE_STATUS)


def error_of(failure: RuntimeFailure) -> CommandError:
    """Turn a failure of the runtime into what the command line says about it."""
    status = USAGE_STATUS if isinstance(failure, InvalidRequest) else RUNTIME_STATUS
    message = (
        failure.message if failure.message.endswith((".", "!", "?")) else f"{failure.message}."
    )
    return CommandError(f"{message} {failure.hint}".strip(), status=status)


def one_line(text: str) -> str:
    """Fold a message into one line that cannot steer a terminal."""
    folded = " ".join(text.split())
    return "".join(
        character if character.isprintable() else f"\\x{ord(character):02x}" for character in folded
    )
