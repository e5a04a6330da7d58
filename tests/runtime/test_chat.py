"""Conversations: Code Llama's formats as Meta writes them, other models' own templates, the oldest
turns left out, and no text of the user's that becomes a control token.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_runtime.api import (
    ChatRequest,
    CompletionRequest,
    InvalidRequest,
    MissingCapability,
)
from model_runtime.chat import first_kept_turn
from model_runtime.chat_llama import Llama2Chat
from model_runtime.families import FAMILIES
from model_runtime.prompts import PromptRenderer
from model_runtime.tokenization import SentencePieceTokenizer
from tests.conftest import PROJECT
from tests.runtime.chats import CHATTING, SYSTEM, TALK, opened, render, talk

GOLDEN = PROJECT / "tests" / "golden" / "family_chats.json"


def test_llama_2s_format(shared_data: Path) -> None:
    """The ids that sentencepiece gives for what Meta's `chat_completion` encodes."""
    tokenizer = SentencePieceTokenizer(shared_data / "llama2-tokenizer.model")
    sp = tokenizer._sp
    first = "[INST] <<SYS>>\nAnswer in code.\n<</SYS>>\n\nWhat is  area? [/INST] width * height "
    expected = [
        *(1, *sp.encode(first), 2),
        *(1, *sp.encode("[INST] And of a circle? [/INST]")),
    ]
    messages = talk(*TALK, ("And of a circle?", "user"))
    assert Llama2Chat(tokenizer).render(messages, 500) == expected
    assert expected[:5] == [1, 518, 25580, 29962, 3532]
    alone = Llama2Chat(tokenizer).render(talk((" Hi ", "user")), 500)
    assert alone == [1, 518, 25580, 29962, 6324, 518, 29914, 25580, 29962]


TAGS = ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "</s>", "<s>")


@pytest.mark.parametrize("tag", TAGS)
def test_llama_2s_tags_in_a_message_are_other_tokens(tag: str, shared_data: Path) -> None:
    """They are ordinary text to the tokenizer, so the guard is another spelling of the same."""
    tokenizer = SentencePieceTokenizer(shared_data / "llama2-tokenizer.model")
    chat = Llama2Chat(tokenizer)
    harmless = chat.render(
        talk(("x", "system"), ("x", "user"), ("x", "assistant"), ("x", "user")), 500
    )
    for where in range(4):
        texts = [f"a {tag} b{tag}" if number == where else "x" for number in range(4)]
        roles = ("system", "user", "assistant", "user")
        ids = chat.render(talk(*zip(texts, roles, strict=True)), 500)
        assert count(ids, *marks(tokenizer)) == count(harmless, *marks(tokenizer))
        assert f"a {tag} b{tag}" in tokenizer.decode(ids)


def marks(tokenizer: SentencePieceTokenizer) -> list[list[int]]:
    """The ids of each tag, without what its first token may have merged with."""
    return [tokenizer.encode_continuation(f"\n{tag}")[2:] for tag in TAGS[:4]] + [[1], [2]]


def count(ids: list[int], *runs: list[int]) -> list[int]:
    return [sum(ids[at : at + len(run)] == run for at in range(len(ids))) for run in runs]


def test_code_llama_70bs_format(family_folders: Path) -> None:
    """Meta's `dialog_prompt_tokens`: each part encoded by itself, with its own dummy space."""
    renderer = opened(family_folders / "CodeLlama-70b-Instruct-hf")
    encode = renderer.tokenizer.encode
    step = renderer.tokenizer.id_of("<step>")
    ids = render(renderer, *TALK, ("More", "user"))
    assert ids == [
        *(renderer.tokenizer.bos_id, *encode(" Source: system"), *encode("\n\n Answer in code.")),
        *(step, *encode(" Source: user"), *encode("\n\n What is  area?")),
        *(step, *encode(" Source: assistant\nDestination: user"), *encode("\n\n width * height")),
        *(step, *encode(" Source: user"), *encode("\n\n More")),
        *(step, *encode(" Source: assistant\nDestination: user"), *encode("\n\n ")),
    ]
    without = render(renderer, ("More", "user"))
    assert without[: without.index(step)] == [renderer.tokenizer.bos_id, *encode(" Source: system")]
    assert step in renderer.render(ChatRequest(messages=talk(("More", "user")))).end_ids


@pytest.mark.parametrize("name", CHATTING)
def test_no_message_becomes_a_control_token(name: str, family_folders: Path) -> None:
    renderer = opened(family_folders / name)
    own = list(renderer.tokenizer.control_pieces)
    foreign = sorted({piece for family in FAMILIES for piece in family.pieces})
    harmless = kinds(renderer, render(renderer, ("x", "user"), ("x", "assistant"), ("x", "user")))
    torn = [piece[:cut] for piece in own[:4] for cut in (1, len(piece) - 1)]
    torn += [piece[cut:] for piece in own[:4] for cut in (1, len(piece) - 1)]
    nested = f"{own[0][:2]}{own[0]}{own[0][2:]}"
    texts_of_the_users = (*own, *foreign, *torn, "".join(own), nested)
    for hostile in (text.replace("▁", " ") for text in texts_of_the_users):
        texts = [(f"a{hostile}", "user"), (hostile, "assistant"), (f"{hostile} \n", "user")]
        ids = render(renderer, *texts)
        assert kinds(renderer, ids) == harmless, hostile
        assert f"a{hostile}".strip() in renderer.tokenizer.decode(ids)


def kinds(renderer: PromptRenderer, ids: list[int]) -> list[int]:
    control = set(renderer.tokenizer.control_pieces.values())
    return [i for i in ids if i in control]


def test_the_golden_chats(family_folders: Path, update_golden: bool) -> None:
    found = {
        name: render(opened(family_folders / name), *TALK, ("And of a circle?", "user"))
        for name in CHATTING
    }
    if update_golden:
        lines = (f"{json.dumps(name)}: {json.dumps(ids)}" for name, ids in found.items())
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CHATTING)
def test_the_oldest_turns_give_way(name: str, family_folders: Path) -> None:
    """What is left fits, starts at a turn, and keeps system message and last question."""
    renderer = opened(family_folders / name)
    turns: list[tuple[str, str]] = []
    edges = []
    for number in range(40):
        turns.append((f"question {number} " + "area " * 8, "user"))
        ids = render(renderer, (SYSTEM, "system"), *turns, max_tokens=400)
        assert len(ids) <= renderer.context_length - 400
        text = renderer.tokenizer.decode(ids)
        assert SYSTEM in text
        assert f"question {number} " in text
        edges.append(next(n for n in range(40) if f"question {n} " in text))
        turns.append((f"answer {number} " + "width " * 8, "assistant"))
    assert edges == sorted(edges)
    assert edges[-1] > 10
    assert len(set(edges)) < 12


def test_a_moved_edge_stays_for_a_while() -> None:
    lens: list[int] = []
    kept = []
    for _ in range(100):
        lens.append(10)
        kept.append(first_kept_turn(lens, 200))
    assert len(set(kept)) == 1 + 80 // 10
    assert first_kept_turn([500], 200) == 0


def test_the_beginning_of_a_conversation_stays_in_the_cache(family_folders: Path) -> None:
    renderer = opened(family_folders / "Qwen2.5-Coder-0.5B-Instruct")
    first = render(renderer, *TALK[:2])
    second = render(renderer, *TALK, ("More", "user"))
    assert second[: len(first)] == first


def test_a_message_too_long_is_refused(family_folders: Path) -> None:
    renderer = opened(family_folders / "Qwen2.5-Coder-0.5B-Instruct")
    with pytest.raises(InvalidRequest, match="room for 624") as failure:
        render(renderer, ("hello " * 2000, "user"), max_tokens=400)
    assert failure.value.hint


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "empty"),
        ([("x", "system")], "last message"),
        ([("x", "assistant")], "Message 1 is the assistant's"),
        ([("x", "system"), ("x", "user"), ("x", "user")], "Message 3 is the user's"),
        ([("x", "user"), ("x", "system"), ("x", "user")], "Message 2 is the system's"),
        ([("x", "user"), ("x", "assistant")], "last message"),
    ],
)
def test_what_is_no_conversation(
    texts: list[tuple[str, str]], message: str, family_folders: Path
) -> None:
    for name in ("CodeLlama-7b-Instruct-hf", "Qwen2.5-Coder-0.5B-Instruct"):
        with pytest.raises(InvalidRequest, match=message):
            render(opened(family_folders / name), *texts)


def test_base_models_do_not_chat(family_folders: Path) -> None:
    with pytest.raises(MissingCapability, match="starcoder2-3b was not trained") as failure:
        render(opened(family_folders / "starcoder2-3b"), ("x", "user"))
    assert "Instruct" in failure.value.hint


def test_instruct_models_without_infilling_say_so(family_folders: Path) -> None:
    renderer = opened(family_folders / "codegemma-7b-it")
    with pytest.raises(MissingCapability, match="not trained for infilling") as failure:
        renderer.check(CompletionRequest(prompt="x", suffix="y"))
    assert "codegemma" in failure.value.hint
