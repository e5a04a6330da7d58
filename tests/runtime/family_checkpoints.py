"""A tiny random checkpoint of each family: the real config class, the real control tokens, a chat
template of the real form.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.runtime.family_tokenizers import (
    NORMAL,
    USER_DEFINED,
    bpe_json,
    sentencepiece_model,
    with_stems,
)

_SHAPE: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 1024, "initializer_range": 0.2,
}  # fmt: skip
_GPT_SHAPE: dict[str, Any] = {
    "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024, "initializer_range": 0.2,
    "multi_query": True,
}  # fmt: skip
_EXPERTS = {"moe_intermediate_size": 16, "num_experts_per_tok": 2}

_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_DEEPSEEK = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '### Instruction:\n' + message['content'] + '\n' }}{% elif message['role'] == 'system' %}"
    "{{ message['content'] }}{% else %}"
    "{{ '### Response:\n' + message['content'] + '\n<|EOT|>\n' }}{% endif %}{% endfor %}"
    "{{ '### Response:' }}"
)
_DEEPSEEK_V2 = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ 'User: ' + message['content'] + '\n\n' }}{% elif message['role'] == 'assistant' %}"
    "{{ 'Assistant: ' + message['content'] + eos_token }}{% else %}"
    "{{ message['content'] + '\n\n' }}{% endif %}{% endfor %}{{ 'Assistant:' }}"
)
_GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{{ '<start_of_turn>model\n' }}"
)
_MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + '[/INST]' }}{% elif message['role'] == 'system' %}"
    "{{ raise_exception('Only user and assistant roles are supported!') }}{% else %}"
    "{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
)
_GRANITE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ 'Question:\n' + message['content'] + '\n\n' }}{% elif message['role'] == 'system' %}"
    "{{ 'System:\n' + message['content'] + '\n\n' }}{% else %}"
    "{{ 'Answer:\n' + message['content'] + '\n\n' }}{% endif %}{% endfor %}{{ 'Answer:\n' }}"
)
_SEED = (
    "{% for message in messages %}{{ bos_token + message['role'] + '\n' + message['content'] | trim"
    " + eos_token }}{% endfor %}{{ bos_token + 'assistant\n' }}"
)
_GLM = (
    "[gMASK]<sop>{% for message in messages %}{{ '<|' + message['role'] + '|>\n' }}"
    "{{ message['content'] }}{% endfor %}{{ '<|assistant|>\n' }}"
)

_BIGCODE = ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>")
_BARRED = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>")
_QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_QWEN_PLAIN = (*_BARRED, "<|repo_name|>", "<|file_sep|>")
_DEEPSEEK_FIM = ("<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>")
_LLAMA_FIRST = ("<unk>", "<s>", "</s>")
_CODE_LLAMA = [pair for name in ("PRE", "MID", "SUF", "EOT") for pair in with_stems(f"▁<{name}>")]
# The infilling tokens take places that the vocabulary kept free.
_GEMMA_ADDED = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_separator|>")
_GEMMA_TOKENIZER: dict[str, Any] = {
    "first": ("<pad>", "<eos>", "<bos>", "<unk>"),
    "pieces": [
        *[(piece, USER_DEFINED) for piece in ("<start_of_turn>", "<end_of_turn>")],
        *[(f"<unused{number}>", USER_DEFINED) for number in range(60, 64)],
    ],
    "dummy_prefix": False,
}


@dataclass(frozen=True)
class Checkpoint:
    """name: the folder's. family: in the table. architecture: prefix of transformers' classes.
    added: tokens that only `tokenizer_config.json` names.
    """

    name: str
    family: str
    architecture: str
    bos: str
    eos: str
    tokenizer: dict[str, Any]
    shape: dict[str, Any] = field(default_factory=lambda: dict(_SHAPE))
    template: str | None = None
    added: tuple[str, ...] = ()

    def write_tokenizer(self, folder: Path) -> int:
        """Returns its size."""
        files = self.tokenizer
        notes: dict[str, Any] = {"bos_token": self.bos, "eos_token": self.eos}
        if self.template is not None:
            notes["chat_template"] = self.template
        if "first" in files:
            return self._write_sentencepiece(folder, notes)
        content = bpe_json(**files)
        (folder / "tokenizer.json").write_text(content, encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(notes))
        added = json.loads(content)["added_tokens"]
        return int(added[-1]["id"]) + 1

    def _write_sentencepiece(self, folder: Path, notes: dict[str, Any]) -> int:
        from sentencepiece import SentencePieceProcessor

        content = sentencepiece_model(**self.tokenizer)
        (folder / "tokenizer.model").write_bytes(content)
        sp = SentencePieceProcessor(model_proto=content)
        size = int(sp.get_piece_size())
        last = range(size - len(self.added), size)
        notes["add_bos_token"] = True
        notes["added_tokens_decoder"] = {
            str(index): {"content": piece, "special": False}
            for index, piece in zip(last, self.added, strict=True)
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(notes))
        return size

    def write_config(self, folder: Path) -> Any:
        """Returns the config; writes the tokenizer, too."""
        import transformers

        folder.mkdir(parents=True)
        size = self.write_tokenizer(folder)
        ids = self._ids(folder)
        config = getattr(transformers, f"{self.architecture}Config")(
            vocab_size=size + 3,
            bos_token_id=ids.get(self.bos),
            eos_token_id=ids[self.eos],
            pad_token_id=None,
            **self.shape,
        )
        config.architectures = [f"{self.architecture}ForCausalLM"]
        config.save_pretrained(folder)
        return config

    def write(self, folder: Path) -> Path:
        """Everything, with random weights."""
        import torch
        from transformers import AutoModelForCausalLM

        config = self.write_config(folder)
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        return folder

    def _ids(self, folder: Path) -> dict[str, int]:
        if "first" in self.tokenizer:
            return {piece: i for i, piece in enumerate(self.tokenizer["first"])}
        content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        return {token["content"]: token["id"] for token in content["added_tokens"]}


CHECKPOINTS = (
    Checkpoint(
        "CodeLlama-7b-Instruct-hf", "code_llama", "Llama", "<s>", "</s>",
        {"first": _LLAMA_FIRST, "pieces": _CODE_LLAMA, "dummy_prefix": True},
    ),
    Checkpoint(
        "CodeLlama-70b-Instruct-hf", "code_llama", "Llama", "<s>", "</s>",
        {
            "first": _LLAMA_FIRST,
            "pieces": [*_CODE_LLAMA, ("<step>", USER_DEFINED)],
            "dummy_prefix": True,
        },
    ),
    Checkpoint(
        "starcoder2-3b", "starcoder2", "Starcoder2", "<|endoftext|>", "<|endoftext|>",
        {"pre": "starcoder2", "controls": (*_BIGCODE, "<repo_name>", "<file_sep>")},
        shape=_SHAPE | {"sliding_window": 64},
    ),
    Checkpoint(
        "starcoderbase-1b", "starcoder", "GPTBigCode", "<|endoftext|>", "<|endoftext|>",
        {"pre": "starcoder2", "controls": (*_BIGCODE, "<filename>", "<gh_stars>", "<reponame>")},
        shape=_GPT_SHAPE,
    ),
    Checkpoint(
        "gpt_bigcode-santacoder", "santacoder", "GPTBigCode", "<|endoftext|>", "<|endoftext|>",
        {
            "pre": "gpt2",
            "controls": (
                *("<|endoftext|>", "<fim-prefix>", "<fim-middle>", "<fim-suffix>", "<fim-pad>"),
            ),
        },
        shape=_GPT_SHAPE,
    ),
    Checkpoint(
        "deepseek-coder-1.3b-instruct", "deepseek_coder", "Llama",
        "<｜begin▁of▁sentence｜>", "<|EOT|>",
        {
            "pre": "deepseek-coder",
            "controls": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
            "plain": (*_DEEPSEEK_FIM, "<pad>", "<|User|>", "<|Assistant|>", "<|EOT|>"),
            "start": ("<｜begin▁of▁sentence｜>",),
        },
        shape=_SHAPE | {
            "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e5},
        },
        template=_DEEPSEEK,
    ),
    Checkpoint(
        "DeepSeek-Coder-V2-Lite-Instruct", "deepseek_coder_v2", "DeepseekV2",
        "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
        {
            "pre": "deepseek-llm",
            "controls": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
            "plain": (*_DEEPSEEK_FIM, "<｜User｜>", "<｜Assistant｜>"),
            "start": ("<｜begin▁of▁sentence｜>",),
        },
        shape=_SHAPE | _EXPERTS | {
            "num_key_value_heads": 4, "kv_lora_rank": 12, "q_lora_rank": None,
            "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 6,
            "n_routed_experts": 4, "n_shared_experts": 1,
            "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
            "rope_parameters": {
                "rope_type": "yarn", "rope_theta": 10_000, "factor": 4.0, "beta_fast": 32,
                "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707,
                "original_max_position_embeddings": 256,
            },
        },
        template=_DEEPSEEK_V2,
    ),
    Checkpoint(
        "Qwen2.5-Coder-0.5B-Instruct", "qwen2.5_coder", "Qwen2", "<|endoftext|>", "<|im_end|>",
        {"pre": "qwen2", "controls": _QWEN_SPECIAL, "plain": _QWEN_PLAIN},
        template=_CHATML,
    ),
    Checkpoint(
        "Qwen3-Coder-30B-A3B-Instruct", "qwen3_coder", "Qwen3Moe", "<|endoftext|>", "<|im_end|>",
        {"pre": "qwen2", "controls": _QWEN_SPECIAL, "plain": (*_QWEN_PLAIN, "<think>", "</think>")},
        shape=_SHAPE | _EXPERTS | {"head_dim": 16, "num_experts": 4, "decoder_sparse_step": 1},
        template=_CHATML,
    ),
    Checkpoint(
        "codegemma-2b", "codegemma", "Gemma", "<bos>", "<eos>", _GEMMA_TOKENIZER,
        shape=_SHAPE | {"head_dim": 16},
        added=_GEMMA_ADDED,
    ),
    Checkpoint(
        "codegemma-7b-it", "codegemma", "Gemma", "<bos>", "<eos>", _GEMMA_TOKENIZER,
        shape=_SHAPE | {"head_dim": 16},
        template=_GEMMA,
        added=_GEMMA_ADDED,
    ),
    Checkpoint(
        "Codestral-22B-v0.1", "codestral", "Mistral", "<s>", "</s>",
        {
            "first": (*_LLAMA_FIRST, "[INST]", "[/INST]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]"),
            "pieces": [("▁[", NORMAL)],
            "dummy_prefix": True,
        },
        shape=_SHAPE | {"sliding_window": None},
        template=_MISTRAL,
    ),
    Checkpoint(
        "granite-3b-code-instruct-2k", "granite_code", "Llama", "<|endoftext|>", "<|endoftext|>",
        {"pre": "starcoder2", "controls": (*_BIGCODE, "<filename>", "<reponame>")},
        shape=_SHAPE | {"attention_bias": True, "mlp_bias": True},
        template=_GRANITE,
    ),
    Checkpoint(
        "stable-code-3b", "stable_code", "StableLm", "<|endoftext|>", "<|endoftext|>",
        {"pre": "neox", "controls": (*_BIGCODE, "<file_sep>"), "plain": ("  ", "   ", "    ")},
    ),
    Checkpoint(
        "Seed-Coder-8B-Instruct", "seed_coder", "Llama",
        "<[begin▁of▁sentence]>", "<[end▁of▁sentence]>",
        {
            "pre": "llama3",
            "controls": (
                *("<[begin▁of▁sentence]>", "<[end▁of▁sentence]>", "<[PAD▁TOKEN]>"),
                *("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),
            ),
            "start": ("<[begin▁of▁sentence]>",),
        },
        template=_SEED,
    ),
    Checkpoint(
        "codegeex4-all-9b", "glm", "Glm", "", "<|endoftext|>",
        {
            "pre": "o200k",
            "controls": (
                *("<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>"),
                *("<|user|>", "<|assistant|>", "<|observation|>"),
                *("<|code_prefix|>", "<|code_middle|>", "<|code_suffix|>"),
            ),
        },
        shape=_SHAPE | {"head_dim": 8},
        template=_GLM,
    ),
)  # fmt: skip
BY_NAME = {checkpoint.name: checkpoint for checkpoint in CHECKPOINTS}
