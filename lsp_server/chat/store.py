"""The conversations of a session: on disk if the user keeps them, else in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lsp_server.chat.conversation import Conversation, Record
from lsp_server.chat.shelves import FolderShelf, MemoryShelf, NoSuchConversation, data_folder

logger = logging.getLogger(__name__)

T = TypeVar("T")
_Shelf = FolderShelf | MemoryShelf


class ConversationStore:
    """Keeps conversations. What cannot be written to disk is kept in memory, and logged.

    keeps: whether conversations may be on disk; asked at each call.
    """

    def __init__(self, keeps: Callable[[], bool], folder: Path | None = None) -> None:
        self._keeps = keeps
        self._folder = FolderShelf(folder or data_folder())
        self._memory = MemoryShelf()
        self._in_use: set[str] = set()

    async def create(self, conversation_id: str, records: Sequence[Record]) -> bool:
        """Begin a conversation, and forget old ones; returns whether it is on disk."""
        self._in_use.add(conversation_id)
        if not self._keeps():
            self._memory.create(conversation_id, records)
            return False
        try:
            await asyncio.to_thread(self._folder.create, conversation_id, records)
        except OSError as error:
            self._fall_back(conversation_id, records, error)
            return False
        await asyncio.to_thread(_prune, self._folder, frozenset(self._in_use))
        return True

    async def append(self, conversation_id: str, records: Sequence[Record]) -> bool:
        """Add to a conversation; returns whether it is on disk. Raises NoSuchConversation."""
        if self._in_memory(conversation_id):
            self._memory.append(conversation_id, records)
            return False
        try:
            await self._on_disk(lambda shelf: shelf.append(conversation_id, records))
        except OSError as error:
            before = await self._on_disk(lambda shelf: shelf.records(conversation_id))
            self._fall_back(conversation_id, [*before, *records], error)
            return False
        return True

    async def get(self, conversation_id: str) -> Conversation:
        """Raises NoSuchConversation, and OSError if it cannot be read."""
        self._in_use.add(conversation_id)
        if self._in_memory(conversation_id):
            records = self._memory.records(conversation_id)
        else:
            records = await self._on_disk(lambda shelf: _opened(shelf, conversation_id))
        return Conversation(conversation_id).since(records)

    async def newest(self, limit: int) -> list[Conversation]:
        """At most `limit` conversations, the newest first. Raises OSError."""
        found = [await self.get(each) for each in self._memory.newest(limit)]
        if self._keeps():
            found += await self._on_disk(lambda shelf: _read_newest(shelf, limit))
        unique = {conversation.id: conversation for conversation in reversed(found)}
        in_order = sorted(unique.values(), key=lambda each: each.updated, reverse=True)
        return in_order[:limit]

    async def remove(self, conversation_id: str) -> None:
        """Forget a conversation. Raises NoSuchConversation, and OSError if it cannot be done."""
        in_memory = self._in_memory(conversation_id)
        if in_memory:
            self._memory.remove(conversation_id)
        try:
            await self._on_disk(lambda shelf: shelf.remove(conversation_id))
        except NoSuchConversation:
            if not in_memory:
                raise

    def _in_memory(self, conversation_id: str) -> bool:
        try:
            self._memory.records(conversation_id)
        except NoSuchConversation:
            return False
        return True

    async def _on_disk(self, work: Callable[[FolderShelf], T]) -> T:
        if not self._keeps():
            raise NoSuchConversation
        return await asyncio.to_thread(work, self._folder)

    def _fall_back(self, conversation_id: str, records: Sequence[Record], error: OSError) -> None:
        logger.warning("A conversation is kept in memory only: %s", error.strerror or error)
        self._memory.create(conversation_id, records)


def _opened(shelf: FolderShelf, conversation_id: str) -> list[Record]:
    shelf.opened(conversation_id)
    return shelf.records(conversation_id)


def _prune(shelf: FolderShelf, in_use: frozenset[str]) -> None:
    """Forget old conversations; one that cannot be removed is tried again the next time."""
    try:
        num_removed = shelf.prune(in_use)
    except OSError as error:
        logger.info("Old conversations cannot be removed: %s", error.strerror or error)
        return
    if num_removed:
        logger.info("Removed %d conversations that nobody had used for long", num_removed)


def _read_newest(shelf: FolderShelf, limit: int) -> list[Conversation]:
    found = []
    for conversation_id in shelf.newest(limit):
        try:
            records = shelf.records(conversation_id)
        except (NoSuchConversation, OSError):
            continue  # removed meanwhile, or somebody else's
        found.append(Conversation(conversation_id).since(records))
    return [conversation for conversation in found if conversation.turns]
