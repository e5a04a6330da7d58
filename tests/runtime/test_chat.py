"""Conversations: Code Llama's formats as Meta writes them, other models' own templates, the oldest
turns left out, and no text of the user's that becomes a control token.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model_runtime.api import (
    ChatMessage,
    ChatRequest,
    CompletionRequest,
    InvalidRequest,
    MissingCapability,
    Role,
    UnsupportedModel,
)
from model_runtime.chat import first_kept_turn
from model_runtime.chat_llama import Llama2Chat
from model_runtime.chat_template import TemplateChat
from model_runtime.config import read_config
from model_runtime.control_text import encode_with_controls, find_shield_mark, shield
from model_runtime.families import FAMILIES
from model_runtime.prompts import PromptRenderer, open_renderer
from model_runtime.tokenization import SentencePieceTokenizer
from tests.conftest import PROJECT
from tests.runtime.family_checkpoints import BY_NAME, CHECKPOINTS

GOLDEN = PROJECT / "tests" / "golden" / "family_chats.json"
SYSTEM = "Answer in code."
TALK = ((SYSTEM, "system"), ("What is  area?\n", "user"), (" width * height", "assistant"))
CHATTING = [
    checkpoint.name
    for checkpoint in CHECKPOINTS
    if checkpoint.template is not None or "Instruct" in checkpoint.name
]


def talk(*texts: tuple[str, str]) -> tuple[ChatMessage, ...]:
    return tuple(ChatMessage(Role(role), text) for text, role in texts)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chats")
    for checkpoint in CHECKPOINTS:
        checkpoint.write_config(folder / checkpoint.name)
    return folder


def opened(folder: Path) -> PromptRenderer:
    return open_renderer(folder, read_config(folder))


def render(renderer: PromptRenderer, *texts: tuple[str, str], **options: Any) -> list[int]:
    request = ChatRequest(messages=talk(*texts), **options)
    renderer.check(request)
    return renderer.render(request).ids


def shown(renderer: PromptRenderer, ids: list[int]) -> str:
    """Text with the names of the control tokens."""
    names = {i: piece for piece, i in renderer.tokenizer.control_pieces.items()}
    runs: list[str] = []
    plain: list[int] = []
    for i in [*ids, -1]:
        if i in names or i < 0:
            runs += [renderer.tokenizer.decode(plain), names.get(i, "")]
            plain = []
        else:
            plain.append(i)
    return "".join(runs)


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


def test_code_llama_70bs_format(folders: Path) -> None:
    """Meta's `dialog_prompt_tokens`: each part encoded by itself, with its own dummy space."""
    renderer = opened(folders / "CodeLlama-70b-Instruct-hf")
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


def test_chat_ml(folders: Path) -> None:
    renderer = opened(folders / "Qwen2.5-Coder-0.5B-Instruct")
    assert shown(renderer, render(renderer, *TALK, ("More", "user"))) == (
        "<|im_start|>system\nAnswer in code.<|im_end|>\n"
        "<|im_start|>user\nWhat is  area?\n<|im_end|>\n"
        "<|im_start|>assistant\n width * height<|im_end|>\n"
        "<|im_start|>user\nMore<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_template_that_knows_no_system_message_gets_it_with_the_first_one(folders: Path) -> None:
    renderer = opened(folders / "codegemma-7b-it")
    assert shown(renderer, render(renderer, (SYSTEM, "system"), (" Hi ", "user"))) == (
        "<bos><start_of_turn>user\nAnswer in code.\n\n Hi<end_of_turn>\n<start_of_turn>model\n"
    )


@pytest.mark.parametrize("name", CHATTING)
def test_a_template_gives_what_transformers_gives(name: str, folders: Path) -> None:
    """The text, as long as there is nothing in it to be shielded from."""
    renderer = opened(folders / name)
    if not isinstance(renderer.chat, TemplateChat):
        pytest.skip("has a format of its own")
    from tokenizers import Tokenizer
    from transformers.utils.chat_template_utils import render_jinja_template

    texts = [*TALK[1:], ("More", "user")]
    [text], _ = render_jinja_template(
        [[{"role": role, "content": content} for content, role in texts]],
        chat_template=BY_NAME[name].template,
        add_generation_prompt=True,
        bos_token=BY_NAME[name].bos,
        eos_token=BY_NAME[name].eos,
    )
    ids = render(renderer, *texts)
    assert shown(renderer, ids) == text
    file = folders / name / "tokenizer.json"
    if file.is_file():
        reference = Tokenizer.from_file(str(file))
        assert reference.encode(text, add_special_tokens=False).ids == ids


@pytest.mark.parametrize("name", CHATTING)
def test_no_message_becomes_a_control_token(name: str, folders: Path) -> None:
    renderer = opened(folders / name)
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


def test_the_golden_chats(folders: Path, update_golden: bool) -> None:
    found = {
        name: render(opened(folders / name), *TALK, ("And of a circle?", "user"))
        for name in CHATTING
    }
    if update_golden:
        lines = (f"{json.dumps(name)}: {json.dumps(ids)}" for name, ids in found.items())
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CHATTING)
def test_the_oldest_turns_give_way(name: str, folders: Path) -> None:
    """What is left fits, starts at a turn, and keeps system message and last question."""
    renderer = opened(folders / name)
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


def test_the_beginning_of_a_conversation_stays_in_the_cache(folders: Path) -> None:
    renderer = opened(folders / "Qwen2.5-Coder-0.5B-Instruct")
    first = render(renderer, *TALK[:2])
    second = render(renderer, *TALK, ("More", "user"))
    assert second[: len(first)] == first


def test_a_message_too_long_is_refused(folders: Path) -> None:
    renderer = opened(folders / "Qwen2.5-Coder-0.5B-Instruct")
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
def test_what_is_no_conversation(texts: list[tuple[str, str]], message: str, folders: Path) -> None:
    for name in ("CodeLlama-7b-Instruct-hf", "Qwen2.5-Coder-0.5B-Instruct"):
        with pytest.raises(InvalidRequest, match=message):
            render(opened(folders / name), *texts)


def test_base_models_do_not_chat(folders: Path) -> None:
    with pytest.raises(MissingCapability, match="starcoder2-3b was not trained") as failure:
        render(opened(folders / "starcoder2-3b"), ("x", "user"))
    assert "Instruct" in failure.value.hint


def test_instruct_models_without_infilling_say_so(folders: Path) -> None:
    renderer = opened(folders / "codegemma-7b-it")
    with pytest.raises(MissingCapability, match="not trained for infilling") as failure:
        renderer.check(CompletionRequest(prompt="x", suffix="y"))
    assert "codegemma" in failure.value.hint


def with_template(tmp_path: Path, template: str) -> PromptRenderer:
    BY_NAME["Qwen2.5-Coder-0.5B-Instruct"].write_config(tmp_path / "Qwen2.5-Coder-Instruct")
    (tmp_path / "Qwen2.5-Coder-Instruct" / "chat_template.jinja").write_text(template)
    return opened(tmp_path / "Qwen2.5-Coder-Instruct")


def test_a_templates_refusal_is_the_users_to_read(tmp_path: Path) -> None:
    renderer = with_template(tmp_path, "{{ raise_exception('Only poems!') }}")
    with pytest.raises(InvalidRequest, match="Only poems!"):
        render(renderer, ("x", "user"))


def test_a_garbled_template_spoils_only_the_chat(tmp_path: Path) -> None:
    renderer = with_template(tmp_path, "{% for %}")
    assert renderer.render(CompletionRequest(prompt="x")).ids
    with pytest.raises(UnsupportedModel, match="chat template"):
        render(renderer, ("x", "user"))


def test_templates_run_in_a_sandbox(tmp_path: Path) -> None:
    renderer = with_template(tmp_path, "{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(InvalidRequest, match="unsafe"):
        render(renderer, ("x", "user"))


def test_templates_see_the_messages_themselves(tmp_path: Path) -> None:
    template = (
        "{% set text = messages[0]['content'] %}{{ text | trim }}|{{ text.startswith('</') }}|"
        "{{ text | length }}|{{ messages | tojson }}{{ strftime_now('%Y') | length }}"
    )
    renderer = with_template(tmp_path, template)
    text = shown(renderer, render(renderer, (" a<b ", "user")))
    assert text == 'a<b|False|5|[{"role": "user", "content": " a<b "}]4'


def test_control_tokens_in_a_formats_own_text(folders: Path) -> None:
    tokenizer = opened(folders / "Qwen2.5-Coder-0.5B-Instruct").tokenizer
    end = tokenizer.control_pieces["<|im_end|>"]
    assert encode_with_controls(tokenizer, "a<|im_end|>") == [*tokenizer.encode("a"), end]
    mark = find_shield_mark(["a\U000f0000"])
    assert mark == "\U000f0001"
    hidden = shield("<|im_end|>", tokenizer.control_pieces, mark)
    assert end not in encode_with_controls(tokenizer, hidden, mark)
