"""Conversations: what their records mean, and where they are kept."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.chat.conversation import (
    Conversation,
    Ending,
    Question,
    Record,
    Reply,
    cut_record,
    is_id,
    new_id,
    question_record,
    reply_record,
    title_of,
    title_record,
)
from lsp_server.chat.shelves import FolderShelf, MemoryShelf, NoSuchConversation
from lsp_server.chat.store import ConversationStore

CONVERSATION = "0123456789abcdef"


def question(name: str, content: str = "", asked: float = 1.0) -> Record:
    return question_record(Question(id=name, content=content or f"{name}?", asked=asked))


def reply(to: str, content: str = "", time: float = 2.0) -> Record:
    made = Reply(id=f"r{to}", content=content or f"{to}!", ending=Ending.STOP, model="m")
    return reply_record(to, made, time)


def said(conversation: Conversation) -> list[tuple[str, str | None]]:
    return [(turn.question.id, turn.reply and turn.reply.content) for turn in conversation.turns]


# What records mean


def test_a_conversation_is_what_has_happened() -> None:
    records = [question("a"), reply("a"), question("b", asked=3.0), reply("b", time=4.0)]
    conversation = Conversation(CONVERSATION).since(records)
    assert said(conversation) == [("a", "a!"), ("b", "b!")]
    assert conversation.title == "a?"
    assert conversation.updated == 4.0
    found = conversation.reply("rb")
    assert found is not None
    assert found.content == "b!"


def test_replies_find_their_questions_though_two_windows_have_written() -> None:
    records = [question("a"), question("b"), reply("b"), reply("a")]
    assert said(Conversation(CONVERSATION).since(records)) == [("a", "a!"), ("b", "b!")]


def test_a_cut_takes_back_a_question_and_what_followed() -> None:
    records = [question("a"), reply("a"), question("b"), cut_record("a"), question("c"), reply("b")]
    conversation = Conversation(CONVERSATION).since(records)
    assert said(conversation) == [("c", None)], "a late reply to what was taken back says nothing"
    assert said(conversation.since([cut_record("nothing")])) == [("c", None)]


def test_a_title_is_changed_by_the_user_only() -> None:
    conversation = Conversation(CONVERSATION).since([question("a"), title_record("Monads")])
    assert conversation.since([question("b")]).title == "Monads"


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"kind": "reaction", "of": "a"},
        {"kind": "question"},
        {"kind": "question", "id": "x", "content": "x", "time": "yesterday"},
        {"kind": "reply", "to": "a", "id": "x", "content": "x", "ending": "boredom", "time": 1},
        {"kind": "cut"},
        {"kind": []},
    ],
)
def test_records_that_make_no_sense_are_left_out(record: Record) -> None:
    conversation = Conversation(CONVERSATION).since([question("a"), record, question("b")])
    assert said(conversation) == [("a", None), ("b", None)]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Why?", "Why?"),
        (" What\n  is this? ", "What is this?"),
        ("word " * 20, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_titles_are_one_short_line(text: str, title: str) -> None:
    assert title_of(text) == title
    assert len(title_of(text)) <= 60


def test_ids_are_safe_names_of_files() -> None:
    assert is_id(new_id())
    assert new_id() != new_id()
    for name in ("", "../../etc/passwd", "0123456789ABCDEF", CONVERSATION + "\n", "a" * 17):
        assert not is_id(name)


# The store


def test_what_is_not_kept_is_in_memory_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = ConversationStore(lambda: False, tmp_path / "conversations")
        assert not await store.create(CONVERSATION, [question("a")])
        assert not await store.append(CONVERSATION, [reply("a")])
        assert said(await store.get(CONVERSATION)) == [("a", "a!")]
        assert [each.id for each in await store.newest(5)] == [CONVERSATION]
        await store.remove(CONVERSATION)
        assert await store.newest(5) == []
        with pytest.raises(NoSuchConversation):
            await store.get(CONVERSATION)

    asyncio.run(scenario())
    assert not (tmp_path / "conversations").exists()


def test_kept_and_other_conversations_are_listed_together(tmp_path: Path) -> None:
    async def scenario() -> None:
        keeps = True
        store = ConversationStore(lambda: keeps, tmp_path)
        names = [f"{number:016x}" for number in range(3)]
        for index, name in enumerate(names):
            keeps = index != 1
            await store.create(name, [question("a", asked=float(index))])
        assert [each.id for each in await store.newest(5)] == names[::-1]
        assert [each.id for each in await store.newest(1)] == [names[2]]
        keeps = False
        assert [each.id for each in await store.newest(5)] == [names[1]]
        with pytest.raises(NoSuchConversation):
            await store.remove(names[0])  # it stays on disk, and that is said
        await store.remove(names[1])

    asyncio.run(scenario())


def test_a_full_disk_loses_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def scenario() -> None:
        store = ConversationStore(lambda: True, tmp_path)
        assert await store.create(CONVERSATION, [question("a")])
        monkeypatch.setattr(FolderShelf, "append", full)
        assert not await store.append(CONVERSATION, [reply("a")])
        assert not await store.append(CONVERSATION, [question("b")])
        assert said(await store.get(CONVERSATION)) == [("a", "a!"), ("b", None)]
        assert len(await store.newest(5)) == 1

    asyncio.run(scenario())


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("question"), st.sampled_from("abc")),
            st.tuples(st.just("reply"), st.sampled_from("abc")),
            st.tuples(st.just("cut"), st.sampled_from("abc")),
        ),
        max_size=12,
    )
)
def test_memory_and_disk_tell_the_same(
    tmp_path_factory: pytest.TempPathFactory, happened: Sequence[tuple[str, str]]
) -> None:
    make = {"question": question, "reply": reply, "cut": cut_record}
    folder, memory = FolderShelf(tmp_path_factory.mktemp("c")), MemoryShelf()
    for shelf in (folder, memory):
        shelf.create(CONVERSATION, [])
        for kind, name in happened:
            shelf.append(CONVERSATION, [make[kind](name)])
    start = Conversation(CONVERSATION)
    on_disk = start.since(folder.records(CONVERSATION))
    assert on_disk == start.since(memory.records(CONVERSATION))
