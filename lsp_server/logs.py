"""Where log lines go: a file, and warnings to the editor's output. Never document text above
DEBUG.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import logging.handlers
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.lean_types import types
from lsp_server.runtime_link import on_loop_thread
from lsp_server.settings import Settings

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

OURS = ("lsp_server", "model_runtime")
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


def log_to_file(settings: Settings) -> list[str]:
    """Send all loggers to the log file, and no longer to that of an earlier call; returns what went
    wrong, for the user.
    """
    problems: list[str] = []
    handler: logging.Handler = _Nowhere()
    path = settings.log_file or _default_path()
    try:
        handler = _LogFile(path)
    except OSError as error:
        problems.append(f"log_file: cannot write {path} ({error.strerror}); logging to nowhere.")
    level = logging.getLevelName(settings.log_level.upper())
    formatter = logging.Formatter if level == logging.DEBUG else DiscreetFormatter
    handler.setFormatter(formatter(_FORMAT))
    root = logging.getLogger()
    for earlier in _own_handlers():
        root.removeHandler(earlier)
        earlier.close()
    root.addHandler(handler)
    root.setLevel(level)
    # At INFO pygls writes whole messages, hence whole files.
    logging.getLogger("pygls").setLevel(level if level == logging.DEBUG else logging.WARNING)
    return problems


def log_elsewhere(settings: Settings) -> list[str]:
    """Follow new settings, if this process has been told to log to a file; returns what went wrong,
    for the user.
    """
    return log_to_file(settings) if _own_handlers() else []


def _own_handlers() -> list[logging.Handler]:
    return [each for each in logging.getLogger().handlers if isinstance(each, _LogFile | _Nowhere)]


class _LogFile(logging.handlers.RotatingFileHandler):
    """Raises OSError where nothing can be written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(
            path, maxBytes=2_000_000, backupCount=2, encoding="utf-8", errors="backslashreplace"
        )


class _Nowhere(logging.NullHandler):
    """In the place of a log file that cannot be written."""


class DiscreetFormatter(logging.Formatter):
    """Reduces other packages' lines to their fixed words: pygls logs whole messages that fail."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name.partition(".")[0] not in OURS and record.args:
            record = copy.copy(record)
            record.args = ()
        return super().format(record)


def log_to_editor(server: FimbriaServer) -> Callable[[], None]:
    """Send our own warnings to the editor's output; returns what undoes that."""
    handler = EditorHandler(server)
    loggers = [logging.getLogger(name) for name in OURS]
    for logger in loggers:
        logger.addHandler(handler)

    def undo() -> None:
        for logger in loggers:
            logger.removeHandler(handler)

    return undo


class EditorHandler(logging.Handler):
    """`window/logMessage` for warnings and errors."""

    def __init__(self, server: FimbriaServer) -> None:
        super().__init__(logging.WARNING)
        self._server = server
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """Send the line without a traceback, from whichever thread it came."""
        is_error = record.levelno >= logging.ERROR
        kind = types.MessageType.Error if is_error else types.MessageType.Warning
        params = types.LogMessageParams(kind, record.getMessage())
        on_loop_thread(self._loop, lambda: self._server.window_log_message(params))


def _default_path() -> Path:
    import platformdirs

    return platformdirs.user_log_path("fimbria") / "lsp.log"
