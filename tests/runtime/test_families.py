"""Each family's checkpoint is recognised, and its prompts are what the family was trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from model_runtime.api import (
    Capability,
    CompletionRequest,
    Layout,
    MissingCapability,
    UnsupportedModel,
)
from model_runtime.config import read_config
from model_runtime.families import CODE_LLAMA, FAMILIES, OTHER, SuffixFirst, find_family
from model_runtime.families.markdown import families_markdown
from model_runtime.prompt_opening import open_renderer
from model_runtime.prompts import PromptRenderer
from tests.conftest import PROJECT
from tests.runtime.family_checkpoints import BY_NAME, CHECKPOINTS

GOLDEN = PROJECT / "tests" / "golden" / "family_prompts.json"
PREFIX = "import os\n\n\ndef area(width, height):\n    return wid"
SUFFIX = "\n\nprint(area(1, 2))\n"
ABLE = [name for name in BY_NAME if name != "codegemma-7b-it"]


def opened(folder: Path, **options: Any) -> PromptRenderer:
    return open_renderer(folder, read_config(folder), **options)


def change(folder: Path, file: str, **entries: Any) -> None:
    content = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps(content | entries), encoding="utf-8")


def test_every_family_has_a_checkpoint() -> None:
    assert {checkpoint.family for checkpoint in CHECKPOINTS} == {f.name for f in FAMILIES}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_checkpoint_is_recognised_by_its_name(name: str, family_folders: Path) -> None:
    assert opened(family_folders / name).family.name == BY_NAME[name].family


@pytest.mark.parametrize("name", BY_NAME)
def test_a_renamed_folder_is_recognised_by_its_tokens(
    name: str, family_folders: Path, tmp_path: Path
) -> None:
    """StarCoder's tokens in its architecture may be Granite's 20B, too: all the same."""
    (tmp_path / "renamed").symlink_to(family_folders / name)
    found = opened(tmp_path / "renamed").family
    expected = opened(family_folders / name).family
    if not expected.told_by_tokens:
        assert found is OTHER
        return
    assert (found.fim, found.suffix_first, found.before) == (
        expected.fim,
        expected.suffix_first,
        expected.before,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "other"),
        ("Qwen/Qwen2.5-Coder-7B", "qwen2.5_coder"),
        ("some-tune", "qwen2.5_coder"),
    ],
)
def test_general_models_with_a_coders_tokens_are_no_coders(name: str, expected: str) -> None:
    everything = dict.fromkeys(next(f for f in FAMILIES if f.name == "qwen2.5_coder").pieces, 1)
    assert find_family(name, "Qwen2ForCausalLM", everything.get, 10).name == expected


def test_what_it_was_made_from_tells_where_the_folder_does_not(tmp_path: Path) -> None:
    BY_NAME["Codestral-22B-v0.1"].write_config(tmp_path / "mine")
    assert opened(tmp_path / "mine").family is OTHER
    change(tmp_path / "mine", "config.json", _name_or_path="mistralai/Codestral-22B-v0.1")
    renderer = opened(tmp_path / "mine")
    assert renderer.family.name == "codestral"
    assert Capability.CHAT in renderer.capabilities


def test_names_and_sizes_in_the_hubs_cache(family_folders: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--Qwen--Qwen2.5-Coder-0.5B-Instruct" / "snapshots" / "abc123"
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(family_folders / "Qwen2.5-Coder-0.5B-Instruct")
    renderer = opened(snapshot)
    assert renderer.name == "Qwen/Qwen2.5-Coder-0.5B-Instruct"
    assert Capability.CHAT in renderer.capabilities


def test_settings_override_what_is_found(family_folders: Path) -> None:
    folder = family_folders / "starcoder2-3b"
    assert opened(folder, family="stable_code").family.name == "stable_code"
    assert opened(folder, family="other").layouts == ()


def test_a_config_may_say_what_its_model_is(family_folders: Path, tmp_path: Path) -> None:
    BY_NAME["starcoder2-3b"].write_config(tmp_path / "model")
    change(
        tmp_path / "model",
        "config.json",
        fimbria={"family": "stable_code", "capabilities": ["completion"]},
    )
    renderer = opened(tmp_path / "model")
    assert renderer.family.name == "stable_code"
    assert renderer.capabilities == {Capability.COMPLETION}
    assert renderer.layouts == ()


def test_an_unknown_family_is_no_family(family_folders: Path) -> None:
    with pytest.raises(UnsupportedModel, match="no model family 'starcoder3'") as failure:
        opened(family_folders / "starcoder2-3b", family="starcoder3")
    assert "starcoder2" in failure.value.hint


def test_a_tokenizer_without_the_familys_tokens_is_named(tmp_path: Path) -> None:
    BY_NAME["starcoder2-3b"].write_config(tmp_path / "starcoder2-3b")
    file = tmp_path / "starcoder2-3b" / "tokenizer.json"
    file.write_text(file.read_text(encoding="utf-8").replace("<fim_middle>", "<mid>"))
    with pytest.raises(UnsupportedModel, match="lacks <fim_middle>") as failure:
        opened(file.parent)
    assert "other" in failure.value.hint


def test_a_model_of_no_family_says_what_is_missing(family_folders: Path) -> None:
    renderer = opened(family_folders / "starcoder2-3b", family="other")
    assert renderer.family is OTHER
    assert renderer.render(CompletionRequest(prompt="x = ")).ids
    with pytest.raises(MissingCapability, match="but runs as one of no known family") as failure:
        renderer.check(CompletionRequest(prompt="x", suffix="y"))
    assert "--family starcoder2," in failure.value.hint
    assert "CodeLlama-7b-hf" in failure.value.hint


@pytest.mark.parametrize("name", ABLE)
def test_every_layout_holds_prefix_and_suffix(name: str, family_folders: Path) -> None:
    renderer = opened(family_folders / name)
    assert renderer.layouts
    fim = renderer.fim
    assert fim is not None
    for layout in renderer.layouts:
        prompt = renderer.render(
            CompletionRequest(prompt=PREFIX, suffix=SUFFIX, layout=layout, heal=False)
        )
        markers = [i for i in prompt.ids if i in (fim.prefix, fim.suffix, fim.middle)]
        assert len(markers) == 2 + (fim.middle >= 0)
        text = renderer.tokenizer.decode(i for i in prompt.ids if i not in markers)
        assert SUFFIX in text
        assert PREFIX in text.replace(SUFFIX, "") or layout is Layout.FROZEN
        assert renderer.eos_ids <= prompt.end_ids


@pytest.mark.parametrize("name", ABLE)
def test_healing_only_where_the_answer_follows_the_prefix(name: str, family_folders: Path) -> None:
    renderer = opened(family_folders / name)
    for layout in renderer.layouts:
        prompt = renderer.render(CompletionRequest(prompt=PREFIX, suffix=SUFFIX, layout=layout))
        closed = layout is Layout.PSM or renderer.family.suffix_first.value.endswith("<MID>")
        assert prompt.healed == (b"" if closed and layout is not Layout.FROZEN else b" wid")


def test_the_golden_prompts(family_folders: Path, update_golden: bool) -> None:
    """Ids of every layout and of plain completion, for each family."""
    found = {name: _golden(opened(family_folders / name)) for name in BY_NAME}
    if update_golden:
        lines = (f"{json.dumps(name)}: {json.dumps(ids)}" for name, ids in found.items())
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def _golden(renderer: PromptRenderer) -> dict[str, list[int]]:
    layouts = {
        layout.value: renderer.render(
            CompletionRequest(prompt=PREFIX, suffix=SUFFIX, layout=layout)
        ).ids
        for layout in renderer.layouts
    }
    plain = renderer.render(CompletionRequest(prompt=PREFIX)).ids
    return {"completion": plain, "end": sorted(renderer.eos_ids)} | layouts


@pytest.mark.parametrize("name", BY_NAME)
def test_no_text_becomes_a_control_token(name: str, family_folders: Path) -> None:
    """Every control token of every family in prefix and suffix, glued to words and each other."""
    renderer = opened(family_folders / name)
    control = set(renderer.tokenizer.control_pieces.values())
    spaced = sorted({piece.replace("▁", " ") for f in FAMILIES for piece in f.pieces})
    own = [piece.replace("▁", " ") for piece in renderer.tokenizer.control_pieces]
    assert control
    assert set(own) & set(spaced) or renderer.family is CODE_LLAMA
    for hostile in (*spaced, *own, "".join(spaced), "".join(own), f"<|im_{own[0]}end|>"):
        for layout in renderer.layouts or (Layout.AUTO,):
            asked = CompletionRequest(
                prompt=f"a{hostile}b\n{hostile}",
                suffix=f"{hostile} c\n" if renderer.layouts else None,
                layout=layout,
                heal=False,
            )
            harmless = CompletionRequest(
                prompt="ab\n", suffix="c\n" if renderer.layouts else None, layout=layout
            )
            assert controls(renderer, asked, control) == controls(renderer, harmless, control)


def controls(renderer: PromptRenderer, request: CompletionRequest, control: set[int]) -> list[int]:
    return [i for i in renderer.render(request).ids if i in control]


@pytest.mark.parametrize("name", [name for name in ABLE if "pre" in BY_NAME[name].tokenizer])
def test_prompts_are_what_the_tokenizers_library_makes_of_their_text(
    name: str, family_folders: Path
) -> None:
    """It knows the markers in a text, which is what the families' own examples rely on."""
    renderer = opened(family_folders / name)
    family, fim, layout = renderer.family, renderer.family.fim, renderer.layouts[-1]
    if layout is Layout.SPM and family.suffix_first is SuffixFirst.MARKED:
        infilling = f"{fim.prefix}{fim.suffix}{SUFFIX}{fim.middle}{PREFIX}"
    elif layout is Layout.SPM:
        infilling = f"{fim.suffix}{SUFFIX}{fim.prefix}{PREFIX}{fim.middle}"
    else:
        infilling = f"{fim.prefix}{PREFIX}{fim.suffix}{SUFFIX}{fim.middle}"
    current = family.files.current.format("") if family.files and family.files.always else ""
    text = f"{family.start}{family.before}{current}{infilling}{family.after}"
    reference = Tokenizer.from_file(str(family_folders / name / "tokenizer.json"))
    asked = CompletionRequest(prompt=PREFIX, suffix=SUFFIX, layout=layout, heal=False)
    assert renderer.render(asked).ids == reference.encode(text).ids


def test_a_checkpoint_with_code_of_its_own_is_named(family_folders: Path, tmp_path: Path) -> None:
    """CodeGeeX4 as it was published first."""
    BY_NAME["codegeex4-all-9b"].write_config(tmp_path / "codegeex4-all-9b")
    change(
        tmp_path / "codegeex4-all-9b",
        "config.json",
        architectures=["ChatGLMModel"],
        auto_map={"AutoModel": "modeling_chatglm.ChatGLMForConditionalGeneration"},
    )
    with pytest.raises(UnsupportedModel, match="code of the checkpoint's own") as failure:
        read_config(tmp_path / "codegeex4-all-9b")
    assert "THUDM/glm-4-9b-chat-hf" in failure.value.hint


def test_several_tokens_may_start_a_document(tmp_path: Path) -> None:
    """GLM's post-processor."""
    glm = BY_NAME["codegeex4-all-9b"]
    start = {"start": ("[gMASK]", "<sop>")}
    replace(glm, tokenizer=glm.tokenizer | start).write_config(tmp_path / "mine")
    renderer = opened(tmp_path / "mine", family="other")
    pieces = renderer.tokenizer.control_pieces
    ids = renderer.render(CompletionRequest(prompt="x = ")).ids
    assert ids[:2] == [pieces["[gMASK]"], pieces["<sop>"]]


def test_glm_infills_inside_a_chat_message(family_folders: Path) -> None:
    """The example of the model's own guide, with path and language left blank."""
    renderer = opened(family_folders / "codegeex4-all-9b")
    ids = renderer.render(CompletionRequest(prompt="def area", suffix="print")).ids
    names = {i: piece for piece, i in renderer.tokenizer.control_pieces.items()}
    shown = "".join(names.get(i) or renderer.tokenizer.decode([i]) for i in ids)
    assert shown == (
        "[gMASK]<sop><|user|>\n###PATH:\n###LANGUAGE:\n###MODE:BLOCK\n"
        "<|code_suffix|>print<|code_prefix|>def area<|code_middle|><|assistant|>\n"
    )


def test_codestral_puts_the_suffix_first_and_goes_on_with_the_prefix(family_folders: Path) -> None:
    """mistral-common: BOS, [SUFFIX], suffix without dummy space, [PREFIX], prefix with one."""
    renderer = opened(family_folders / "Codestral-22B-v0.1")
    tokenizer = renderer.tokenizer
    ids = renderer.render(CompletionRequest(prompt="def area(", suffix=")", heal=False)).ids
    marks = tokenizer.control_pieces
    assert ids == [
        *(tokenizer.bos_id, marks["[SUFFIX]"], *tokenizer.encode_continuation(")")),
        *(marks["[PREFIX]"], *tokenizer.encode("def area(")),
    ]
    assert tokenizer.encode("def area(") == tokenizer.encode_continuation(" def area(")


def test_the_table_for_people_has_a_line_for_each_family() -> None:
    _, _, *lines = families_markdown().splitlines()
    assert len(lines) == len(FAMILIES)
    assert lines[0] == (
        "| Code Llama | `codellama/CodeLlama-7b-hf` | suffix first, prefix first | "
        "Llama 2's format | 34B and the Python variants do not infill; "
        "70B Instruct has a chat format of its own |"
    )
    for family, line in zip(FAMILIES, lines, strict=True):
        assert family.models[0] in line
        assert ("suffix first" in line) is (Layout.SPM in family.layouts)
