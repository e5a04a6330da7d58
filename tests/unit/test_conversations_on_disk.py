"""Conversations on disk: what is written stays, whatever ends a writer, however many there are."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.chat.conversation import Conversation
from lsp_server.chat.shelves import KEPT_S, NUM_KEPT, FolderShelf, NoSuchConversation
from lsp_server.chat.store import ConversationStore
from tests.unit.test_conversations import CONVERSATION, question, reply, said


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "conversations")


def file_of(shelf: FolderShelf, tmp_path: Path) -> Path:
    return tmp_path / "conversations" / f"{CONVERSATION}.jsonl"


def test_what_was_written_can_be_read(shelf: FolderShelf, tmp_path: Path) -> None:
    shelf.create(CONVERSATION, [question("a", "😋 \ud83d\nline\x0c")])
    shelf.append(CONVERSATION, [reply("a")])
    conversation = Conversation(CONVERSATION).since(shelf.records(CONVERSATION))
    assert conversation.turns[0].question.content == "😋 \ud83d\nline\x0c"
    assert said(conversation) == [("a", "a!")]
    lines = file_of(shelf, tmp_path).read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["question", "reply"]


def test_files_are_the_user_s_own(shelf: FolderShelf, tmp_path: Path) -> None:
    shelf.create(CONVERSATION, [question("a")])
    for file in (tmp_path / "conversations").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "conversations").stat().st_mode & 0o777 == 0o700


@given(cut=st.integers(min_value=0, max_value=200))
def test_a_torn_line_is_left_out_and_removed_by_the_next_writer(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    shelf = FolderShelf(folder)
    shelf.create(CONVERSATION, [question("a")])
    whole = (folder / f"{CONVERSATION}.jsonl").read_bytes()
    shelf.append(CONVERSATION, [question("b")])
    file = folder / f"{CONVERSATION}.jsonl"
    file.write_bytes(file.read_bytes()[: len(whole) + cut])

    kept = said(Conversation(CONVERSATION).since(shelf.records(CONVERSATION)))
    assert kept in ([("a", None)], [("a", None), ("b", None)])
    shelf.append(CONVERSATION, [question("c")])
    after = said(Conversation(CONVERSATION).since(shelf.records(CONVERSATION)))
    assert after == [*kept, ("c", None)]
    assert all(json.loads(line) for line in file.read_bytes().splitlines())


def test_a_file_that_crashed_at_once_can_go_on(shelf: FolderShelf, tmp_path: Path) -> None:
    shelf.create(CONVERSATION, [])
    file_of(shelf, tmp_path).write_bytes(b'{"kind":"quest')
    shelf.append(CONVERSATION, [question("a")])
    assert len(shelf.records(CONVERSATION)) == 1


def test_a_file_that_cannot_be_mended_is_closed(
    shelf: FolderShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.create(CONVERSATION, [question("a")])
    with file_of(shelf, tmp_path).open("ab") as file:
        file.write(b"torn")
    opened: list[int] = []
    open_file = os.open

    def noted(*arguments: Any) -> int:
        opened.append(open_file(*arguments))
        return opened[-1]

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "open", noted)
    monkeypatch.setattr(os, "ftruncate", broken)
    with pytest.raises(OSError, match="error"):
        shelf.append(CONVERSATION, [question("b")])
    assert opened
    for descriptor in opened:
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(descriptor)


def test_lines_that_are_no_json_are_left_out(shelf: FolderShelf, tmp_path: Path) -> None:
    shelf.create(CONVERSATION, [question("a")])
    with file_of(shelf, tmp_path).open("ab") as file:
        file.write(b"\xff\xfe\n[1]\n\n")
    shelf.append(CONVERSATION, [question("b")])
    assert len(shelf.records(CONVERSATION)) == 2


_WRITER = """
import sys
from pathlib import Path
from lsp_server.chat.conversation import Question, question_record
from lsp_server.chat.shelves import FolderShelf
shelf = FolderShelf(Path(sys.argv[1]))
for number in range(20):
    name = f"{sys.argv[3]}-{number}"
    shelf.append(sys.argv[2], [question_record(Question(id=name, content="x" * 20_000))])
"""


def test_several_processes_write_to_one_conversation(shelf: FolderShelf, tmp_path: Path) -> None:
    shelf.create(CONVERSATION, [])
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "conversations"), CONVERSATION]
    writers = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    ids = [record["id"] for record in shelf.records(CONVERSATION)]
    assert len(ids) == 60
    for name in "abc":
        mine = [each for each in ids if each.startswith(name)]
        assert mine == [f"{name}-{number}" for number in range(20)]


def test_a_removed_conversation_is_not_brought_back(shelf: FolderShelf) -> None:
    shelf.create(CONVERSATION, [question("a")])
    shelf.remove(CONVERSATION)
    with pytest.raises(NoSuchConversation):
        shelf.append(CONVERSATION, [reply("a")])
    with pytest.raises(NoSuchConversation):
        shelf.records(CONVERSATION)
    assert shelf.newest(10) == []


def test_names_that_are_no_ids_lead_nowhere(shelf: FolderShelf, tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text("{}\n")
    for name in ("../secret", "", "/etc/passwd"):
        with pytest.raises(NoSuchConversation):
            shelf.records(name)
        with pytest.raises(NoSuchConversation):
            shelf.remove(name)


def test_the_newest_comes_first_and_other_files_are_left_alone(
    shelf: FolderShelf, tmp_path: Path
) -> None:
    assert shelf.newest(10) == []
    ids = [f"{number:016x}" for number in range(4)]
    for index, name in enumerate(ids):
        shelf.create(name, [question("a")])
        os.utime(tmp_path / "conversations" / f"{name}.jsonl", ns=(index, index))
    (tmp_path / "conversations" / "notes.jsonl").write_text("{}\n")
    assert shelf.newest(10) == ids[::-1]
    assert shelf.newest(2) == ids[:1:-1]


def kept_long_ago(shelf: FolderShelf, tmp_path: Path, count: int) -> list[str]:
    """As many conversations, nobody's since a while, the oldest first."""
    ids = [f"{number:016x}" for number in range(count)]
    shelf.create(ids[0], [question("a")])
    folder = tmp_path / "conversations"
    long_ago = time.time() - KEPT_S - 10_000
    for index, name in enumerate(ids):
        (folder / f"{name}.jsonl").write_bytes((folder / f"{ids[0]}.jsonl").read_bytes())
        os.utime(folder / f"{name}.jsonl", (long_ago + index, long_ago + index))
    return ids


def test_a_new_conversation_takes_the_place_of_what_nobody_has_used_for_long(
    shelf: FolderShelf, tmp_path: Path
) -> None:
    ids = kept_long_ago(shelf, tmp_path, NUM_KEPT + 4)
    (tmp_path / "conversations" / "notes.jsonl").write_text("{}\n")
    os.utime(tmp_path / "conversations" / "notes.jsonl", (1, 1))

    async def sessions() -> None:
        """One window opens an old conversation, another one begins a new one."""
        window, other_window = (
            ConversationStore(lambda: True, tmp_path / "conversations") for _ in range(2)
        )
        await window.get(ids[0])
        await other_window.create(CONVERSATION, [question("new")])

    asyncio.run(sessions())
    assert shelf.newest(1000) == [CONVERSATION, ids[0], *ids[:5:-1]]
    assert len(shelf.newest(1000)) == NUM_KEPT
    assert (tmp_path / "conversations" / "notes.jsonl").exists()


def test_what_is_open_stays_however_old_it_is(shelf: FolderShelf, tmp_path: Path) -> None:
    ids = kept_long_ago(shelf, tmp_path, NUM_KEPT + 3)
    assert shelf.prune(in_use={ids[0]}) == 2
    assert shelf.newest(1000) == [*ids[:2:-1], ids[0]]


def test_what_is_young_stays_however_much_there_is(shelf: FolderShelf, tmp_path: Path) -> None:
    ids = kept_long_ago(shelf, tmp_path, NUM_KEPT + 3)
    for name in ids:
        shelf.opened(name)
    assert shelf.prune(in_use=()) == 0
    assert len(shelf.newest(1000)) == len(ids)


def test_what_cannot_be_removed_keeps_nobody_from_talking(
    shelf: FolderShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = kept_long_ago(shelf, tmp_path, NUM_KEPT + 1)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "unlink", refused)
    store = ConversationStore(lambda: True, tmp_path / "conversations")
    assert asyncio.run(store.create(CONVERSATION, [question("new")]))
    assert len(shelf.newest(1000)) == len(ids) + 1
