"""Turning a checkpoint into a model folder that anything can load."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from training.checkpoint import load_weights, read_model
from training.folders import STARTER_FOLDER, replace_file, write_text
from training.model import LanguageModel, ModelShape
from training.tokenizer import TOKENIZER_FILES, copy_tokenizer

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


def export_model(checkpoint: Path, tokenizer_folder: Path, target: Path) -> None:
    """Write a Hugging Face folder: bfloat16 weights, configuration, tokenizer."""
    missing = [name for name in TOKENIZER_FILES if not (tokenizer_folder / name).exists()]
    if missing:
        raise FileNotFoundError(f"{tokenizer_folder} lacks {', '.join(missing)}")
    target.mkdir(parents=True, exist_ok=True)
    write_weights(read_model(checkpoint), target)
    copy_tokenizer(tokenizer_folder, target)


def write_weights(model: LanguageModel, target: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write the weights and the configuration that describes them."""
    weights = {n: p.detach().to(dtype).contiguous() for n, p in model.state_dict().items()}
    # transformers refuses a file that does not say which framework wrote it.
    replace_file(
        target / WEIGHTS_FILE, lambda path: save_file(weights, path, metadata={"format": "pt"})
    )
    # safetensors lets nobody but the owner read its files, which a package must not.
    (target / WEIGHTS_FILE).chmod(0o644)
    config = json.dumps(hugging_face_config(model.shape, dtype), indent=2) + "\n"
    write_text(target / CONFIG_FILE, config)


def read_folder(folder: Path) -> LanguageModel:
    """The model in a folder that `export_model` wrote, in full precision."""
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    shape = ModelShape(
        vocab_size=config["vocab_size"],
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        feed_forward=config["intermediate_size"],
        head_dim=config["head_dim"],
        context=config["max_position_embeddings"],
        rope_theta=config["rope_parameters"]["rope_theta"],
        norm_eps=config["rms_norm_eps"],
    )
    model = LanguageModel(shape)
    load_weights(model, folder)
    return model


def shipped_habits() -> dict[str, object]:
    """What was found out about the shipped model: the languages, thresholds and cache weights hold
    for the next one, too, until they are measured again.
    """
    config = json.loads((STARTER_FOLDER / CONFIG_FILE).read_text(encoding="utf-8"))
    # A model this small is rarely right about more than the rest of a line.
    return {**config["fimbria"], "single_line": True}


def hugging_face_config(shape: ModelShape, dtype: torch.dtype) -> dict[str, object]:
    """The `config.json` of a model of this shape."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 1,
        "dtype": str(dtype).removeprefix("torch."),
        "eos_token_id": 2,
        "fimbria": shipped_habits(),
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,
        "intermediate_size": shape.feed_forward,
        "max_position_embeddings": shape.context,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "pad_token_id": None,
        "rms_norm_eps": shape.norm_eps,
        "rope_parameters": {"rope_theta": shape.rope_theta, "rope_type": "default"},
        "tie_word_embeddings": True,
        "use_cache": True,
        "vocab_size": shape.vocab_size,
    }
