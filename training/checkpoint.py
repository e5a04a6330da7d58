"""What a training run is made of, and how it is written and read back."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training.folders import replace_file
from training.model import LanguageModel, ModelShape

Optimizers = list[torch.optim.Optimizer]


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0
    tokens: int = 0
    # Tokens that the initial weights had seen before this run.
    tokens_before: int = 0
    seconds: float = 0.0
    # First and last step of a cooldown; (0, 0) for the constant-rate run.
    decay: tuple[int, int] = (0, 0)
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def total_tokens(self) -> int:
        return self.tokens_before + self.tokens


def save_checkpoint(
    path: Path, model: LanguageModel, optimizers: Optimizers, progress: Progress
) -> None:
    """Write everything that `load_checkpoint` needs, in one step."""
    content = {
        "shape": asdict(model.shape),
        "weights": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "progress": asdict(progress),
    }
    replace_file(path, lambda temporary: torch.save(content, temporary))


def load_checkpoint(
    path: Path, model: LanguageModel, optimizers: Optimizers | None = None
) -> Progress:
    """Fill `model` and `optimizers` from a checkpoint; how far it had come."""
    content = _read(path)
    model.load_state_dict(content["weights"])
    for optimizer, state in zip(optimizers or [], content["optimizers"], strict=False):
        optimizer.load_state_dict(state)
    return Progress(**content["progress"])


def read_progress(path: Path) -> Progress:
    """How far the run in a checkpoint had come."""
    return Progress(**_read(path)["progress"])


def read_model(path: Path) -> LanguageModel:
    """The model in a checkpoint, without its optimizers."""
    model = LanguageModel(ModelShape(**_read(path)["shape"]))
    load_checkpoint(path, model)
    return model


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


def load_weights(model: nn.Module, folder: Path) -> None:
    """Fill `model` from a Hugging Face folder's safetensors, in the model's precision."""
    missing = model.load_state_dict(dict(_full_precision(folder)), strict=True)
    assert not missing.missing_keys


def _full_precision(folder: Path) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in load_file(folder / "model.safetensors").items():
        yield name, tensor.float()
