"""Puts the language server together and runs it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from lsp_server.lean_types import types  # before whatever else imports lsprotocol

# isort: split
from lsp_server import logs
from lsp_server.features import (
    chat,
    code_action,
    code_action_resolve,
    did_change,
    did_change_configuration,
    did_close,
    did_open,
    execute_command,
    initialize,
    initialized,
    inline_completion,
    notebook_did_change,
    notebook_did_close,
    notebook_did_open,
    shutdown,
    status,
    suggestion_events,
)
from lsp_server.language_server import FimbriaServer, RuntimeFactory
from lsp_server.settings import Settings, apply, from_environment
from lsp_server.transport import serve_stdio
from lsp_server.user_config import user_settings
from model_runtime.failures import INTERRUPTED_STATUS

if TYPE_CHECKING:
    from lsp_server.language_server import SaveStatistics
    from lsp_server.statistics import SuggestionRecord
    from model_runtime.api import ProgressCallback, Runtime


def make_server(
    runtime_factory: RuntimeFactory,
    settings: Settings | None = None,
    problems: Sequence[str] = (),
    save_statistics: SaveStatistics = lambda _: None,
) -> FimbriaServer:
    """Return a server for one connection, with every feature registered.

    runtime_factory: makes the runtime when it is first needed, and again after other settings.
    problems: sentences to show to the user once the editor is ready.
    save_statistics: keeps what became of suggestions; called on other threads. May raise OSError.
    """
    server = FimbriaServer(runtime_factory, settings or Settings(), problems, save_statistics)
    for feature in (
        initialize,
        initialized,
        shutdown,
        did_open,
        did_change,
        did_close,
        notebook_did_open,
        notebook_did_change,
        notebook_did_close,
        did_change_configuration,
        status,
    ):
        server.feature(feature.METHOD)(feature.handle)
    server.feature(inline_completion.METHOD, types.InlineCompletionOptions())(
        inline_completion.handle
    )
    for method, handler in (suggestion_events.HANDLERS | chat.HANDLERS).items():
        server.feature(method)(handler)
    server.feature(code_action.METHOD, code_action.options())(code_action.handle)
    server.feature(code_action_resolve.METHOD)(code_action_resolve.handle)
    for name, handler in execute_command.COMMANDS.items():
        _add_command(server, name, handler)
    _add_command(server, suggestion_events.ACCEPTED_COMMAND, suggestion_events.on_command)
    return server


def _add_command(server: FimbriaServer, name: str, handler: Callable[..., Any]) -> None:
    # pygls evaluates a command's annotations, and handlers have some for type checkers only.
    def command(ls: FimbriaServer, *arguments: object) -> object:
        return handler(ls, *arguments)

    async def awaited_command(ls: FimbriaServer, *arguments: object) -> object:
        return await handler(ls, *arguments)

    server.command(name)(awaited_command if iscoroutinefunction(handler) else command)


def run(flags: Mapping[str, object] | None = None) -> int:
    """Serve the editor on standard input and output; returns the exit status.

    flags: settings by name, from the command line.
    """
    settings, problems, _ = user_settings()
    settings, of_environment = from_environment(os.environ, settings)
    settings, of_flags = apply(settings, flags or {}, "command line")
    problems += [*of_environment, *of_flags, *logs.log_to_file(settings)]
    server = make_server(daemon_runtime, settings, problems, _save_statistics)
    try:
        return asyncio.run(serve_stdio(server))
    except KeyboardInterrupt:
        return INTERRUPTED_STATUS


def daemon_runtime(settings: Settings, progress: ProgressCallback) -> Runtime:
    """Return the runtime behind this machine's daemon for the chosen model."""
    from model_runtime.client import DaemonRuntime, DaemonSpec

    spec = DaemonSpec(
        model=settings.model,
        device=settings.device,
        dtype=settings.dtype,
        idle_timeout_s=settings.idle_timeout_s,
        transport=settings.transport,
        kv_memory=settings.kv_memory,
        adapter=settings.adapter,
        context_length=settings.context_length,
        family=settings.family,
        chat_model="" if settings.chat_endpoint else settings.chat_model,
    )
    return DaemonRuntime(spec, progress=progress)


def _save_statistics(records: Sequence[SuggestionRecord]) -> None:
    from lsp_server.statistics import save, statistics_file

    save(statistics_file(), records)
