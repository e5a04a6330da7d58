"""How many weights a model has, and of which kind, told by its configuration alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_runtime.api import ModelNotFound, UnsupportedModel
from model_runtime.config import ModelConfig, read_config
from model_runtime.habits import Habits

_OFFICIAL = re.compile(
    r"(?:(?:codellama|meta-llama)/)?CodeLlama-(7|13|34|70)b(?:-(?:Python|Instruct))?(?:-hf)?",
    re.IGNORECASE,
)
# hidden, intermediate, layers, heads, heads of keys and values (Rozière et al., arXiv 2308.12950;
# they are Llama 2's).
_OFFICIAL_SHAPES = {
    "7": (4096, 11008, 32, 32, 32),
    "13": (5120, 13824, 40, 40, 40),
    "34": (8192, 22016, 48, 64, 8),
    "70": (8192, 28672, 80, 64, 8),
}
_PLAIN_VOCABULARY, _INFILLING_VOCABULARY = 32000, 32016
_LONG_CONTEXT, _LONG_THETA = 16384, 1e6
# Of the 70B models only the base was trained with long contexts (github.com/meta-llama/codellama,
# issue 188, by one of the authors).
_SHORT_CONTEXT, _SHORT_THETA = 4096, 1e4


@dataclass(frozen=True, slots=True)
class WeightCounts:
    """Numbers of weights. matrices: of the layers, which quantization makes smaller where they are
    linear layers, and rows: of those together; head: of the output layer, also where it shares the
    embedding's memory; other: norms, biases. linear: of the matrices, those of linear layers;
    experts that are one tensor are not. fused: of the matrices, those that `model.assemble_weights`
    puts together anew.
    """

    embedding: int
    matrices: int
    rows: int
    head: int
    other: int
    tied: bool
    linear: int
    fused: int = 0

    @property
    def total(self) -> int:
        """Weights in memory without quantization."""
        head = 0 if self.tied else self.head
        return self.embedding + self.matrices + head + self.other


def official_config(name: str) -> ModelConfig | None:
    """The shape of an official Code Llama checkpoint, so that nothing has to be downloaded to plan
    for it; None for other names.
    """
    match = _OFFICIAL.fullmatch(name)
    if match is None:
        return None
    size = match[1]
    hidden, intermediate, num_layers, num_heads, num_kv_heads = _OFFICIAL_SHAPES[size]
    python = "-python" in name.lower() and size != "70"
    is_short = size == "70" and re.search("python|instruct", name.lower()) is not None
    return ModelConfig(
        is_lean=True,
        vocab_size=_PLAIN_VOCABULARY if python or size == "34" else _INFILLING_VOCABULARY,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_layers=num_layers,
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=hidden // num_heads,
        context_length=_SHORT_CONTEXT if is_short else _LONG_CONTEXT,
        rms_norm_eps=1e-5,
        rope_theta=_SHORT_THETA if is_short else _LONG_THETA,
        rope_scaling=None,
        tied_embeddings=False,
        dtype="bfloat16",
        eos_ids=frozenset({2}),
        habits=Habits(),
        architecture="LlamaForCausalLM",
    )


def read_shape(folder: Path) -> tuple[ModelConfig, WeightCounts]:
    """A checkpoint folder's configuration and what it comes to; weights need not be there. Imports
    torch for other architectures than Llama. Raises ModelNotFound, UnsupportedModel.
    """
    config = read_config(folder)
    if config.is_lean:
        return config, llama_counts(config)
    return config, _counts_without_memory(folder)


def llama_counts(config: ModelConfig) -> WeightCounts:
    """By arithmetic, for the Llama architecture."""
    hidden = config.hidden_size
    queries = config.num_heads * config.head_dim
    keys = config.num_kv_heads * config.head_dim
    of_layer = hidden * (2 * queries + 2 * keys + 3 * config.intermediate_size)
    rows_of_layer = queries + 2 * keys + 2 * config.intermediate_size + 2 * hidden
    vocabulary = config.vocab_size * hidden
    return WeightCounts(
        embedding=vocabulary,
        matrices=config.num_layers * of_layer,
        rows=config.num_layers * rows_of_layer,
        head=vocabulary,
        other=hidden * (2 * config.num_layers + 1),
        tied=config.tied_embeddings,
        linear=config.num_layers * of_layer,
        fused=config.num_layers * hidden * (queries + 2 * keys + 2 * config.intermediate_size),
    )


def _counts_without_memory(folder: Path) -> WeightCounts:
    """Build the model on the meta device, which holds shapes and no values."""
    from accelerate import init_empty_weights
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        with init_empty_weights():
            module = AutoModelForCausalLM.from_config(config)
        module.tie_weights()
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UnsupportedModel(
            f"transformers cannot build the model in {folder}: {str(error).splitlines()[0]}",
            "Look at its config.json, or choose another model.",
        ) from error
    return _counts_of(module)


def _counts_of(module: Any) -> WeightCounts:
    from torch.nn import Linear

    embedding = module.get_input_embeddings().weight
    head = getattr(module.get_output_embeddings(), "weight", embedding)
    rest = [one for one in module.parameters() if one is not embedding and one is not head]
    matrices = [one for one in rest if one.dim() > 1]
    linear = {one.weight for one in module.modules() if isinstance(one, Linear)}
    return WeightCounts(
        embedding=embedding.numel(),
        matrices=sum(one.numel() for one in matrices),
        rows=sum(one.numel() // one.shape[-1] for one in matrices),
        head=head.numel(),
        other=sum(one.numel() for one in rest if one.dim() <= 1),
        tied=head is embedding,
        linear=sum(one.numel() for one in matrices if one in linear),
    )


def num_kv_heads(folder: Path | None, config: ModelConfig) -> int:
    """Heads that keys and values are kept for: one where all share them (`multi_query`)."""
    if folder is None or config.is_lean:
        return config.num_kv_heads
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"There is no readable config.json in {folder}.") from error
    return 1 if raw.get("multi_query") else config.num_kv_heads
