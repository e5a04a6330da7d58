"""A checkpoint's own chat template: rendered as transformers renders it, but in a sandbox and with
the messages shielded.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from model_runtime.api import CompletionRequest, InvalidRequest, UnsupportedModel
from model_runtime.control_text import encode_with_controls, find_shield_mark, shield
from model_runtime.prompts import PromptRenderer
from tests.runtime.chats import CHATTING, SYSTEM, TALK, opened, render, shown
from tests.runtime.family_checkpoints import BY_NAME


def test_chat_ml(family_folders: Path) -> None:
    renderer = opened(family_folders / "Qwen2.5-Coder-0.5B-Instruct")
    assert shown(renderer, render(renderer, *TALK, ("More", "user"))) == (
        "<|im_start|>system\nAnswer in code.<|im_end|>\n"
        "<|im_start|>user\nWhat is  area?\n<|im_end|>\n"
        "<|im_start|>assistant\n width * height<|im_end|>\n"
        "<|im_start|>user\nMore<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_template_that_knows_no_system_message_gets_it_with_the_first_one(
    family_folders: Path,
) -> None:
    renderer = opened(family_folders / "codegemma-7b-it")
    assert shown(renderer, render(renderer, (SYSTEM, "system"), (" Hi ", "user"))) == (
        "<bos><start_of_turn>user\nAnswer in code.\n\n Hi<end_of_turn>\n<start_of_turn>model\n"
    )


@pytest.mark.parametrize("name", [name for name in CHATTING if BY_NAME[name].template])
def test_a_template_gives_what_transformers_gives(name: str, family_folders: Path) -> None:
    """The text, as long as there is nothing in it to be shielded from."""
    renderer = opened(family_folders / name)
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
    file = family_folders / name / "tokenizer.json"
    if file.is_file():
        reference = Tokenizer.from_file(str(file))
        assert reference.encode(text, add_special_tokens=False).ids == ids


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
    assert renderer.render(CompletionRequest(prompt="x = ")).ids
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


def test_control_tokens_in_a_formats_own_text(family_folders: Path) -> None:
    tokenizer = opened(family_folders / "Qwen2.5-Coder-0.5B-Instruct").tokenizer
    end = tokenizer.control_pieces["<|im_end|>"]
    assert encode_with_controls(tokenizer, "a<|im_end|>") == [*tokenizer.encode("a"), end]
    mark = find_shield_mark(["a\U000f0000"])
    assert mark == "\U000f0001"
    hidden = shield("<|im_end|>", tokenizer.control_pieces, mark)
    assert end not in encode_with_controls(tokenizer, hidden, mark)
