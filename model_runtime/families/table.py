"""The families. Each entry says where it was verified; what could not be is left out."""

from __future__ import annotations

from model_runtime.api import Layout
from model_runtime.families.formats import (
    ChatFormat,
    Family,
    FileMarks,
    FimPieces,
    Reach,
    SuffixFirst,
)

_PSM = (Layout.FROZEN, Layout.PSM)
_PSM_AND_SPM = (*_PSM, Layout.SPM)
_SPM = (Layout.SPM,)

_BIGCODE = FimPieces("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
_BARRED = FimPieces("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")

# Rozière et al., arXiv 2308.12950 (section 2.4: trained with 16,384 tokens and a base of 10^6, good
# up to 100,000); Meta's llama/generation.py (`infilling_prompt_tokens`,
# `chat_completion`, `dialog_prompt_tokens`). It was trained on files by themselves: others stand as
# comments before its prefix, as in CrossCodeEval (arXiv 2310.11248, section 3.1), Tabby, Continue.
CODE_LLAMA = Family(
    name="code_llama",
    title="Code Llama",
    models=("codellama/CodeLlama-7b-hf", "codellama/CodeLlama-13b-hf"),
    fim=FimPieces("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"),
    layouts=(Layout.SPM, Layout.PSM, Layout.FROZEN),
    controls=("<step>",),
    files=FileMarks(
        "Path: {}\n", head="Path: {}\n", in_prefix=True, commented=True, share=8, least_room=3500
    ),
    chat=ChatFormat.LLAMA2,
    names=r"code[-_ ]?llama",
    architectures=("LlamaForCausalLM",),
    reach=Reach(trained=16_384, rope_theta=1e6, context_length=100_000),
    quirks=(
        "34B and the Python variants do not infill",
        "70B Instruct has a chat format of its own",
    ),
)

# arXiv 2402.19173, section 5.1. Suffix first: the variant that BigCode's fork of Megatron-LM writes
# (`permute` in megatron/data/gpt_dataset.py); MultiPL-E evaluates both models with it.
STARCODER2 = Family(
    name="starcoder2",
    title="StarCoder2",
    models=("bigcode/starcoder2-3b", "bigcode/starcoder2-7b", "bigcode/starcoder2-15b"),
    fim=_BIGCODE,
    layouts=_PSM_AND_SPM,
    stops=("<|endoftext|>", "<file_sep>"),
    controls=("<fim_pad>", "<repo_name>"),
    files=FileMarks("<file_sep>{}\n", "<repo_name>{}", current="<file_sep>", head="{}\n"),
    names=r"starcoder-?2",
    architectures=("Starcoder2ForCausalLM",),
)

# arXiv 2305.06161 and the model card; suffix first as for StarCoder2.
STARCODER = Family(
    name="starcoder",
    title="StarCoder",
    models=("bigcode/starcoderbase-1b", "bigcode/starcoderbase-3b", "bigcode/starcoder"),
    fim=_BIGCODE,
    layouts=_PSM_AND_SPM,
    stops=("<|endoftext|>",),
    controls=("<fim_pad>", "<reponame>", "<filename>", "<gh_stars>"),
    names=r"starcoder(?!-?2)|tiny_starcoder",
    architectures=("GPTBigCodeForCausalLM",),
)

# arXiv 2301.03988 and the model card: hyphens, not underscores; no tokens for files.
SANTACODER = Family(
    name="santacoder",
    title="SantaCoder",
    models=("bigcode/gpt_bigcode-santacoder",),
    fim=FimPieces("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    layouts=_PSM_AND_SPM,
    stops=("<|endoftext|>",),
    controls=("<fim-pad>",),
    names=r"santacoder",
    architectures=("GPTBigCodeForCausalLM", "GPT2LMHeadModel"),
)

# README of deepseek-ai/DeepSeek-Coder ("Code Insertion", "Repository Level Code Completion").
# `hole` is where the middle was, `end` where it is written: prefix first.
DEEPSEEK_CODER = Family(
    name="deepseek_coder",
    title="DeepSeek-Coder",
    models=("deepseek-ai/deepseek-coder-1.3b-base", "deepseek-ai/deepseek-coder-6.7b-base"),
    fim=FimPieces("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    layouts=_PSM,
    stops=("<｜end▁of▁sentence｜>", "<|EOT|>"),
    controls=("<｜begin▁of▁sentence｜>",),
    files=FileMarks("#{}\n", head="#{}\n", in_prefix=True),
    names=r"deepseek-?coder(?!-?v2)",
    architectures=("LlamaForCausalLM",),
    quirks=("other files are marked by a comment with their path",),
)

# README of deepseek-ai/DeepSeek-Coder-V2: the same tokens.
DEEPSEEK_CODER_V2 = Family(
    name="deepseek_coder_v2",
    title="DeepSeek-Coder-V2",
    models=("deepseek-ai/DeepSeek-Coder-V2-Lite-Base",),
    fim=DEEPSEEK_CODER.fim,
    layouts=_PSM,
    stops=("<｜end▁of▁sentence｜>",),
    controls=("<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"),
    names=r"deepseek-?coder-?v2",
    architectures=("DeepseekV2ForCausalLM",),
)

# examples/Qwen2.5-Coder.md and -fim.py of QwenLM/Qwen3-Coder: the stops are its `eos_token_ids`.
QWEN25_CODER = Family(
    name="qwen2.5_coder",
    title="Qwen2.5-Coder",
    models=("Qwen/Qwen2.5-Coder-1.5B", "Qwen/Qwen2.5-Coder-7B", "Qwen/Qwen2.5-Coder-0.5B"),
    fim=_BARRED,
    layouts=_PSM,
    stops=(
        *("<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
        *("<|repo_name|>", "<|file_sep|>", "<|im_end|>"),
    ),
    controls=("<|im_start|>",),
    files=FileMarks("<|file_sep|>{}\n", "<|repo_name|>{}\n", current="<|file_sep|>{}\n"),
    names=r"qwen-?2\.?5-?coder",
    architectures=("Qwen2ForCausalLM",),
    base_has_template=True,
)

# README of QwenLM/Qwen3-Coder, "Fill in the middle": the infilling prompt is a chat message there.
QWEN3_CODER = Family(
    name="qwen3_coder",
    title="Qwen3-Coder",
    models=("Qwen/Qwen3-Coder-30B-A3B-Instruct",),
    fim=_BARRED,
    layouts=_PSM,
    before=(
        "<|im_start|>system\nYou are a code completion assistant.<|im_end|>\n<|im_start|>user\n"
    ),
    after="<|im_end|>\n<|im_start|>assistant\n",
    stops=QWEN25_CODER.stops,
    controls=QWEN25_CODER.controls,
    files=QWEN25_CODER.files,
    names=r"qwen-?3-?coder",
    architectures=("Qwen3MoeForCausalLM", "Qwen3NextForCausalLM"),
    quirks=("infills inside a chat message",),
)

# ai.google.dev/gemma/docs/codegemma/prompt-structure and the model card (the instruct models do
# not complete). It was trained suffix first as well, but how that is written is not documented.
CODEGEMMA = Family(
    name="codegemma",
    title="CodeGemma",
    models=("google/codegemma-1.1-2b", "google/codegemma-7b"),
    fim=_BARRED,
    layouts=_PSM,
    stops=("<|file_separator|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<eos>"),
    controls=("<bos>", "<start_of_turn>", "<end_of_turn>"),
    names=r"codegemma",
    architectures=("GemmaForCausalLM",),
    no_infilling=r"-it\b",
    quirks=("the instruct models do not infill",),
)

# mistral-common, `InstructTokenizerV2.encode_fim`; the suffix has no dummy space, the prefix has.
# `+++++ path` as in Continue's template.
CODESTRAL = Family(
    name="codestral",
    title="Codestral",
    models=("mistralai/Codestral-22B-v0.1",),
    fim=FimPieces("[PREFIX]", "[SUFFIX]"),
    layouts=_SPM,
    suffix_first=SuffixFirst.BARE,
    stops=("</s>", "[PREFIX]", "[SUFFIX]"),
    controls=("[INST]", "[/INST]", "[MIDDLE]"),
    files=FileMarks("+++++ {}\n", head="+++++ {}\n", in_prefix=True),
    names=r"codestral(?!.*mamba)",
    told_by_tokens=False,  # Mistral's other models have them since version 3 of its tokenizer
    architectures=("MistralForCausalLM",),
    quirks=("suffix first only",),
)

# README of ibm-granite/granite-code-models: "the same tokenizer as StarCoder". 3B and 8B are of
# the Llama architecture with biases, 20B and 34B of StarCoder's.
GRANITE_CODE = Family(
    name="granite_code",
    title="Granite Code",
    models=("ibm-granite/granite-3b-code-base-2k", "ibm-granite/granite-8b-code-base-4k"),
    fim=_BIGCODE,
    layouts=_PSM,
    stops=("<|endoftext|>",),
    controls=STARCODER.controls,
    names=r"granite-\d+b-code",
    architectures=("LlamaForCausalLM", "GPTBigCodeForCausalLM"),
)

# The model card of stabilityai/stable-code-3b, "Run with Fill in Middle".
STABLE_CODE = Family(
    name="stable_code",
    title="Stable Code",
    models=("stabilityai/stable-code-3b",),
    fim=_BIGCODE,
    layouts=_PSM,
    stops=("<|endoftext|>",),
    controls=("<fim_pad>", "<reponame>", "<filename>", "<file_sep>"),
    names=r"stable-?code",
    architectures=("StableLmForCausalLM",),
)

# arXiv 2506.03524, section 3.3: suffix first only, cut at any character.
SEED_CODER = Family(
    name="seed_coder",
    title="Seed-Coder",
    models=("ByteDance-Seed/Seed-Coder-8B-Base",),
    fim=FimPieces("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),
    layouts=_SPM,
    suffix_first=SuffixFirst.CLOSED,
    stops=("<[end▁of▁sentence]>", "<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),
    controls=("<[begin▁of▁sentence]>", "<[PAD▁TOKEN]>", "<[SEP▁TOKEN]>"),
    names=r"seed-?coder",
    architectures=("LlamaForCausalLM",),
    quirks=("suffix first only",),
)

# guides/Infilling_guideline.md of THUDM/CodeGeeX4: path and language may be left blank.
GLM = Family(
    name="glm",
    title="CodeGeeX4, GLM",
    models=("THUDM/codegeex4-all-9b",),
    fim=FimPieces("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
    layouts=_SPM,
    suffix_first=SuffixFirst.CLOSED,
    before="<|user|>\n",
    after="<|assistant|>\n",
    start="[gMASK]<sop>",
    stops=("<|endoftext|>", "<|user|>", "<|observation|>", "<|code_prefix|>", "<|code_suffix|>"),
    controls=("[gMASK]", "<sop>", "<|system|>", "<|assistant|>"),
    files=FileMarks(
        "###REFERENCE:\n###PATH:{}\n",
        current="###PATH:{}\n###LANGUAGE:\n###MODE:BLOCK\n",
        always=True,
    ),
    names=r"codegeex-?4",
    architectures=("GlmForCausalLM", "Glm4ForCausalLM", "Glm4MoeForCausalLM"),
    needs_conversion=True,
    quirks=(
        "infills inside a chat message, behind lines for path, language and mode",
        "loads once it is converted to transformers' Glm classes; as published it runs with code "
        "of its own",
    ),
)

OTHER = Family(name="other", title="an unknown family")
"""For checkpoints of no known family: they continue a text, and chat by their own template."""

FAMILIES = (
    *(CODE_LLAMA, STARCODER2, STARCODER, SANTACODER, DEEPSEEK_CODER, DEEPSEEK_CODER_V2),
    *(QWEN25_CODER, QWEN3_CODER, CODEGEMMA, CODESTRAL, GRANITE_CODE, STABLE_CODE, SEED_CODER, GLM),
)
