"""Code Llama's matrix, and what tells a model's capabilities where no name does."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_runtime.api import Capability, CompletionRequest, MissingCapability
from model_runtime.capabilities import (
    CODE_LLAMA_MATRIX,
    ModelTraits,
    find_capabilities,
    missing_chat,
    missing_infilling,
    official_capabilities,
)
from model_runtime.config import read_config
from model_runtime.families import CODE_LLAMA, FAMILIES, OTHER, Family
from model_runtime.models import model_name
from model_runtime.prompt_opening import open_renderer
from tests.runtime.chats import opened
from tests.runtime.family_checkpoints import BY_NAME

C, FIM, CHAT, P = (
    Capability.COMPLETION,
    Capability.INFILLING,
    Capability.CHAT,
    Capability.PYTHON,
)
QWEN = next(family for family in FAMILIES if family.name == "qwen2.5_coder")
TEMPLATE = "{{ messages }}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("codellama/CodeLlama-7b-hf", {C, FIM}),
        ("codellama/CodeLlama-13b-hf", {C, FIM}),
        ("codellama/CodeLlama-34b-hf", {C}),
        ("codellama/CodeLlama-70b-hf", {C, FIM}),
        ("codellama/CodeLlama-7b-Python-hf", {C, P}),
        ("codellama/CodeLlama-34b-Python-hf", {C, P}),
        ("codellama/CodeLlama-70b-Python-hf", {C, P}),
        ("codellama/CodeLlama-7b-Instruct-hf", {C, FIM, CHAT}),
        ("codellama/CodeLlama-13b-Instruct-hf", {C, FIM, CHAT}),
        ("codellama/CodeLlama-34b-Instruct-hf", {C, CHAT}),
        ("meta-llama/CodeLlama-70b-Instruct-hf", {C, FIM, CHAT}),
        ("CodeLlama-7b", {C, FIM}),
    ],
)
def test_official_checkpoints_offline(name: str, expected: set[Capability]) -> None:
    assert official_capabilities(name) == expected
    traits = ModelTraits(name=name)
    assert find_capabilities(CODE_LLAMA, traits, has_fim=True) == expected


@pytest.mark.parametrize(
    "name", ["starter", "codellama/CodeLlama-8b-hf", "Phind/CodeLlama-34B-v2", "/models/CodeLlama"]
)
def test_other_names_are_not_official(name: str) -> None:
    assert official_capabilities(name) is None


def test_the_matrix_is_whole() -> None:
    assert len(CODE_LLAMA_MATRIX) == 4 * 3
    assert all(C in capabilities for capabilities in CODE_LLAMA_MATRIX.values())


@pytest.mark.parametrize(
    ("traits", "has_fim", "expected"),
    [
        (ModelTraits(name="starter"), True, {C, FIM}),
        (ModelTraits(name="starter"), False, {C}),
        (ModelTraits(name="mine", shape=(8192, 48)), True, {C}),
        (ModelTraits(name="mine", shape=(4096, 32)), True, {C, FIM}),
        (ModelTraits(name="mine", shape=(4096, 32), chat_template="[INST]"), True, {C, FIM, CHAT}),
        (ModelTraits(name="my-python-tune", shape=(5120, 40)), True, {C, P}),
        (ModelTraits(name="CodeLlama-7b-Python-hf"), False, {C, P}),
    ],
    ids=str,
)
def test_shape_and_tokens_tell_where_the_name_does_not(
    traits: ModelTraits, has_fim: bool, expected: set[Capability]
) -> None:
    assert find_capabilities(CODE_LLAMA, traits, has_fim=has_fim) == expected


@pytest.mark.parametrize(
    ("family", "name", "template", "chats"),
    [
        (QWEN, "Qwen2.5-Coder-7B", TEMPLATE, False),
        (QWEN, "Qwen2.5-Coder-7B-Instruct", TEMPLATE, True),
        (QWEN, "Qwen2.5-Coder-7B-Instruct", None, False),
        (OTHER, "SmolLM2-1.7B", TEMPLATE, True),
        (OTHER, "DeepSeek-Coder-V2-Lite-Base", TEMPLATE, False),
        (OTHER, "codegemma-7b-it", TEMPLATE, True),
    ],
)
def test_who_chats(family: Family, name: str, template: str | None, chats: bool) -> None:
    traits = ModelTraits(name=name, chat_template=template)
    assert (CHAT in find_capabilities(family, traits, has_fim=True)) is chats


def test_the_eos_tells_a_tune_from_a_base_model_where_the_name_does_not() -> None:
    """Qwen's base models come with the chat template, too, and end with another token."""
    template = "<|im_start|>{{ role }}{{ text }}<|im_end|>"
    for eos, chats in (("<|im_end|>", True), ("<|endoftext|>", False), ("", False)):
        traits = ModelTraits(name="my-tune", chat_template=template, eos=eos)
        assert (CHAT in find_capabilities(QWEN, traits, has_fim=True)) is chats


def test_a_renamed_instruct_model_chats_and_infills(tmp_path: Path) -> None:
    BY_NAME["Qwen2.5-Coder-0.5B-Instruct"].write_config(tmp_path / "renamed")
    both = {CHAT, FIM}
    assert both <= opened(tmp_path / "renamed").capabilities


def test_tokens_of_a_family_that_the_name_denies_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "qwen-chat"
    BY_NAME["Qwen2.5-Coder-0.5B-Instruct"].write_config(folder)
    renderer = opened(folder)
    assert renderer.family is OTHER
    with pytest.raises(MissingCapability, match=r"tokens of the family qwen2\.5_coder") as failure:
        renderer.check(CompletionRequest(prompt="x", suffix="y"))
    assert "--family qwen2.5_coder" in failure.value.hint
    assert open_renderer(folder, read_config(folder), family="qwen2.5_coder").layouts


def test_a_refusal_to_chat_tells_how_to_say_otherwise() -> None:
    assert "fimbria" in missing_chat(QWEN, "m", has_template=True).hint
    assert "capabilities" not in missing_chat(QWEN, "m").hint


def test_names_of_folders() -> None:
    cached = Path("/cache/hub/models--codellama--CodeLlama-7b-hf/snapshots/0123abc")
    assert model_name(cached) == "codellama/CodeLlama-7b-hf"
    assert model_name(Path("/models/CodeLlama-7b-hf")) == "CodeLlama-7b-hf"


@pytest.mark.parametrize("family", [*FAMILIES, OTHER], ids=lambda family: family.name)
def test_a_refusal_names_a_model_that_can(family: Family) -> None:
    named = missing_infilling(family, "m").hint.partition("or use ")[2].rstrip(".").split(" or ")
    for name in named:
        able = next(f for f in FAMILIES if name in f.models)
        assert FIM in find_capabilities(able, ModelTraits(name=name), has_fim=True)
        assert not able.needs_conversion
    assert "Instruct" in missing_chat(family, "m").hint


@pytest.mark.parametrize("name", ["CodeLlama-34b-hf", "CodeLlama-7b-Python-hf"])
def test_code_llamas_without_infilling_have_its_tokens_all_the_same(
    name: str, tmp_path: Path
) -> None:
    """Their tokenizer is that of the others, so only name and shape keep them from being asked."""
    BY_NAME["CodeLlama-7b-Instruct-hf"].write_config(tmp_path / name)
    renderer = opened(tmp_path / name)
    assert renderer.fim is not None
    assert renderer.layouts == ()
    with pytest.raises(MissingCapability, match=f"{name} was not trained for infilling") as failure:
        renderer.check(CompletionRequest(prompt="x", suffix="y"))
    assert "codellama/CodeLlama-7b-hf or codellama/CodeLlama-13b-hf" in failure.value.hint
