"""What one editor's session consists of; the features work on it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException, JsonRpcInternalError
from pygls.lsp.server import LanguageServer

from lsp_server import __version__
from lsp_server.answer_document import AnswerFolder
from lsp_server.chat_link import ChatLink
from lsp_server.context.visits import Visits
from lsp_server.documents import DocumentStore
from lsp_server.idle_work import IdleWork
from lsp_server.lean_types import types
from lsp_server.load_progress import LoadProgressReporter
from lsp_server.logs import log_elsewhere
from lsp_server.notebooks import NotebookStore
from lsp_server.offers import Offers
from lsp_server.positions import PositionEncoding
from lsp_server.protocol import FimbriaProtocol
from lsp_server.requests import PendingRequests
from lsp_server.runtime_link import RuntimeLink, on_loop_thread
from lsp_server.settings import Settings, apply
from lsp_server.statistics import SuggestionRecord
from lsp_server.suggestions import SuggestionStore
from lsp_server.work_progress import RunningWork

if TYPE_CHECKING:
    from lsp_server.actions.trees_of_documents import DocumentTrees
    from lsp_server.chat.chats import Chats
    from model_runtime.api import LoadProgress, ProgressCallback, Runtime, RuntimeFailure

logger = logging.getLogger(__name__)

RuntimeFactory = Callable[[Settings, "ProgressCallback"], "Runtime"]
SaveStatistics = Callable[[Sequence[SuggestionRecord]], None]
InlineCompletions = types.InlineCompletionList | None

_EVERY_NOTEBOOK = types.NotebookDocumentSyncOptions(
    [types.NotebookDocumentFilterWithNotebook(notebook="*")]
)
_LOG_SETTINGS = ("log_file", "log_level")
_RUNTIME_SETTINGS = (
    "model",
    "device",
    "dtype",
    "kv_memory",
    "adapter",
    "context_length",
    "family",
    "chat_model",
    "chat_endpoint",  # decides whether the daemon runs chat_model
    "transport",
    "idle_timeout_s",
)


class FimbriaServer(LanguageServer):
    """The state behind the handlers of one connection.

    settings: what holds now; `base_settings` is what editor settings are laid over.
    problems: about settings, not yet shown. menu_is_asked_for: the editor shows completions only
    to those who ask for them.
    """

    protocol: FimbriaProtocol

    def __init__(
        self,
        runtime_factory: RuntimeFactory,
        settings: Settings,
        problems: Sequence[str],
        save_statistics: SaveStatistics,
    ) -> None:
        super().__init__(
            "fimbria",
            __version__,
            protocol_cls=FimbriaProtocol,
            notebook_document_sync=_EVERY_NOTEBOOK,
        )
        self.base_settings = self.settings = settings
        self.problems = list(problems)
        self.encoding = PositionEncoding.UTF16
        self.menu_is_asked_for = False
        self.documents = DocumentStore()
        self.notebooks = NotebookStore()
        self.visits = Visits()
        self.requests: PendingRequests[InlineCompletions] = PendingRequests()
        self.idle = IdleWork()
        self.suggestions = SuggestionStore()
        self.offers = Offers(save_statistics)
        self.load_progress = LoadProgressReporter(self)
        self.runtime = RuntimeLink(self._make_runtime, self._announce, self.load_progress.finish)
        self.chat = ChatLink(self.runtime, settings, self.in_background)
        self.answers = AnswerFolder()
        self.work = RunningWork()
        self._runtime_factory = runtime_factory
        self._session = os.urandom(8)
        self._told: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._on_close: list[Callable[[], None]] = []
        self._closing = asyncio.Lock()

    @cached_property
    def trees(self) -> DocumentTrees:
        """Syntax trees of open documents, made when the first one is asked for."""
        from lsp_server.actions.trees_of_documents import DocumentTrees

        return DocumentTrees()

    @cached_property
    def chats(self) -> Chats:
        """The conversations, made when the first one is asked for."""
        from lsp_server.chat.chats import Chats

        return Chats(self)

    def configure(self, source: str, values: Mapping[str, object]) -> bool:
        """Take the editor's settings; returns whether they ask for another runtime."""
        before = self.settings
        self.settings, problems = apply(self.base_settings, values, source)
        self.problems += problems
        self.chat.configure(self.settings)
        if _differ(before, self.settings, _LOG_SETTINGS):
            self.problems += log_elsewhere(self.settings)
        return _differ(before, self.settings, _RUNTIME_SETTINGS)

    async def warm_up(self) -> None:
        """Have the model loaded before it is needed, if the user wants that."""
        if self.settings.warm_up:
            await self.runtime.warm_up()
            self.chat.note_what_is_missing()

    def show_problems(self) -> None:
        """Show what is wrong with the settings, each thing once."""
        problems, self.problems = self.problems, []
        for problem in problems:
            logger.warning("%s", problem)
        if problems:
            self._show(types.MessageType.Warning, "Settings: " + " ".join(problems))

    def notify_once(self, text: str) -> None:
        """Show something that is worth knowing, and not worth repeating in this session."""
        if text not in self._told:
            self._told.add(text)
            self._show(types.MessageType.Info, text)

    def warn(self, text: str) -> None:
        """Say why something that the user has asked for is not done."""
        self._show(types.MessageType.Warning, text)

    def document_key(self, uri: str) -> str:
        """A name for a document of this session that tells a runtime nothing about it."""
        name = uri.encode("utf-8", "surrogatepass")
        return hashlib.blake2s(name, key=self._session, digest_size=8).hexdigest()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start something that no answer waits for."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_ended)

    def forget(self, uri: str) -> None:
        """End all work for a document and forget what was suggested in it."""
        self.requests.supersede(uri)
        self.idle.cancel(uri)
        self.suggestions.forget(uri)
        self.offers.forget(uri)

    def on_close(self, call: Callable[[], None]) -> None:
        """Have something undone when the session ends."""
        self._on_close.append(call)

    async def close(self) -> None:
        """End all work and let go of the runtime. Can be called again, also meanwhile: an editor
        that is in a hurry says `exit` before `shutdown` is answered.
        """
        async with self._closing:
            await self._close()

    async def _close(self) -> None:
        while self._on_close:
            self._on_close.pop()()
        await self.requests.close()
        await self.idle.close()
        if "chats" in self.__dict__:
            await self.chats.close()
        for title in await self.work.stop():
            text = f"{title}: stopped, because the server ends. Nothing was changed."
            self._show(types.MessageType.Info, text)
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)
        await self.chat.close()
        self.answers.close()
        await self.offers.flush()
        await self.runtime.close()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what pygls would show to the user in its own words."""
        if not isinstance(error, JsonRpcException) or isinstance(error, JsonRpcInternalError):
            logger.error("%s: %s", getattr(source, "__name__", source), type(error).__name__)

    def _make_runtime(self) -> Runtime:
        loop = asyncio.get_running_loop()

        def report(progress: LoadProgress) -> None:
            on_loop_thread(loop, lambda: self.load_progress.report(progress))

        return self._runtime_factory(self.settings, report)

    def _announce(self, failure: RuntimeFailure) -> None:
        self._show(types.MessageType.Error, str(failure))

    def _show(self, kind: types.MessageType, text: str) -> None:
        self.window_show_message(types.ShowMessageParams(kind, f"Fimbria: {text}"))

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("Background work failed", exc_info=error)


def _differ(before: Settings, after: Settings, names: Sequence[str]) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in names)
