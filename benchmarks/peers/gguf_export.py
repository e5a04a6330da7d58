"""Writes a Hugging Face Llama checkpoint as a GGUF file for llama.cpp.

    python -m benchmarks.peers.gguf_export FOLDER FILE [f32|q8_0]

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; tensor names and the order of
the rotary pairs as in llama.cpp's `conversion` of `LlamaForCausalLM`. Needs the extra `bench`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from sentencepiece import SentencePieceProcessor

from model_runtime.config import ModelConfig, read_config
from model_runtime.models import resolve_model

Weights = npt.NDArray[np.float32]

# Of gguf's LlamaFileType and TokenType.
_FILE_TYPES = {"f32": 0, "q8_0": 7}
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6
_NO_SCORE = -1e4

_OUTER = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_OF_LAYER = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def export_gguf(folder: Path, file: Path, quantization: str = "f32") -> None:
    """Write the weights as `f32` or `q8_0` (norms stay float32) and the vocabulary.

    Raises ValueError for a quantization or a stretching of positions that is not written here.
    """
    import gguf

    config = read_config(folder)
    if quantization not in _FILE_TYPES or config.rope_scaling is not None:
        raise ValueError("written are f32 and q8_0, without stretched rotary positions")
    writer = gguf.GGUFWriter(file, "llama")
    _add_shape(writer, config)
    writer.add_file_type(_FILE_TYPES[quantization])
    _add_vocabulary(writer, folder / "tokenizer.model", config.vocab_size)
    q8_0 = gguf.GGMLQuantizationType.Q8_0
    for name, weights in _tensors(folder, config):
        if quantization == "q8_0" and weights.ndim == 2:
            writer.add_tensor(name, gguf.quants.quantize(weights, q8_0), raw_dtype=q8_0)
        else:
            writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleave_rotary_pairs(weights: Weights, num_heads: int) -> Weights:
    """Reorder the rows of a query or key projection, [heads * head_dim, hidden].

    Hugging Face turns dimension i of a head together with i + head_dim / 2; llama.cpp's `llama`
    turns neighbours, as Meta's code does.
    """
    num_rows, hidden = weights.shape
    halves = weights.reshape(num_heads, 2, num_rows // num_heads // 2, hidden)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(num_rows, hidden))


def gguf_name(name: str) -> str:
    """What GGUF calls a tensor of a Hugging Face checkpoint. Raises KeyError for unknown ones."""
    if name in _OUTER:
        return _OUTER[name]
    number, _, part = name.removeprefix("model.layers.").partition(".")
    return f"blk.{number}.{_OF_LAYER[part.removesuffix('.weight')]}.weight"


def _tensors(folder: Path, config: ModelConfig) -> Iterator[tuple[str, Weights]]:
    heads = {"self_attn.q_proj": config.num_heads, "self_attn.k_proj": config.num_kv_heads}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as source:
            for name in source.keys():  # noqa: SIM118 - no mapping
                if name == "lm_head.weight" and config.tied_embeddings:
                    continue
                weights: Weights = source.get_tensor(name).float().numpy()
                num_heads = next((n for part, n in heads.items() if part in name), None)
                yield (
                    gguf_name(name),
                    interleave_rotary_pairs(weights, num_heads) if num_heads else weights,
                )


def _add_shape(writer: Any, config: ModelConfig) -> None:
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _add_vocabulary(writer: Any, model_file: Path, vocab_size: int) -> None:
    sp = SentencePieceProcessor(model_file=str(model_file))
    num_pieces = min(sp.get_piece_size(), vocab_size)
    padding = range(num_pieces, vocab_size)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(
        [
            *(sp.id_to_piece(i).encode() for i in range(num_pieces)),
            *(b"<pad%d>" % i for i in padding),
        ]
    )
    writer.add_token_scores([*map(sp.get_score, range(num_pieces)), *(_NO_SCORE for _ in padding)])
    writer.add_token_types(
        [*(_kind(sp, i) for i in range(num_pieces)), *(_UNUSED for _ in padding)]
    )
    writer.add_bos_token_id(sp.bos_id())
    writer.add_eos_token_id(sp.eos_id())
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)


def _kind(sp: Any, token_id: int) -> int:
    if sp.is_unknown(token_id):
        return _UNKNOWN
    if sp.is_byte(token_id):
        return _BYTE
    if sp.is_control(token_id):
        return _CONTROL
    return _UNUSED if sp.is_unused(token_id) else _NORMAL


if __name__ == "__main__":
    export_gguf(resolve_model(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4])
