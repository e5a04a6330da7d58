"""Loads checkpoints through the classes of transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from model_runtime.adapter_merging import with_adapter
from model_runtime.api import LoadProgress, ProgressCallback, UnsupportedModel
from model_runtime.quantization import (
    Scheme,
    bytes_per_weight,
    check_worth,
    loading_options,
    quiet_packages,
)
from model_runtime.sharing import Part, Sharing
from model_runtime.transformers_model import TransformersModel, adopt, check_config, explained

_FIRST, _LAST = 0.1, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a model goes, and as what. scheme: how its weights are rounded; None: not at all.
    adapter: folder of a LoRA adapter to lay over it. sharing: where its parts go, when they do not
    all go to `device`, which is then where its inputs go.
    """

    device: torch.device
    dtype: torch.dtype
    scheme: Scheme | None = None
    adapter: Path | None = None
    sharing: Sharing | None = None


def load_transformers_model(
    folder: Path, placement: Placement, report: ProgressCallback | None = None
) -> TransformersModel:
    """Load a checkpoint folder (safetensors) of any causal language model. Raises UnsupportedModel,
    OutOfMemory.
    """
    module = _load(folder, placement, report or _ignore)
    return adopt(module, placement.scheme, placement.device)


def load_merged_weights(
    folder: Path, placement: Placement, report: ProgressCallback
) -> dict[str, Tensor]:
    """A checkpoint's weights by name, with the adapter added. Raises as `load_transformers_model`
    does.
    """
    module = _load(folder, placement, report)
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def _load(folder: Path, placement: Placement, report: ProgressCallback) -> Any:
    scheme = placement.scheme
    with explained(folder.name), _files_explained(folder), quiet_packages(), _progress(report):
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        check_config(config.get_text_config(decoder=True), _class_name(config, folder))
        if scheme is not None and not scheme.in_checkpoint:
            check_worth(_empty(config), scheme, folder.name)
        module, info = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=placement.dtype,
            device_map=_device_map(config, placement),
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **(loading_options(scheme, placement.dtype) if scheme else {}),
        )
    missing = sorted(info["missing_keys"])
    if missing:
        raise UnsupportedModel(
            f"The weights in {folder} lack {missing[0]}.", "Download the checkpoint again."
        )
    if placement.adapter is None:
        return module
    report(LoadProgress("laying the adapter over it", _LAST))
    with quiet_packages():
        return with_adapter(module, placement.adapter, merge=scheme is None)


@contextmanager
def _files_explained(folder: Path) -> Iterator[None]:
    """transformers reads from the checkpoint's files what is left on disk; weights that it puts
    together from several of the files' it would have to write anew. Nor does it tell in one line
    that shapes differ.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if "ignore_mismatched_sizes" in str(error):
            raise UnsupportedModel(
                f"The weights in {folder} do not fit its config.json: some are of other shapes.",
                "Download the checkpoint again.",
            ) from error
        if "offload_folder" not in str(error):
            raise
        raise UnsupportedModel(
            f"Main memory has no room for {folder.name}, and its experts cannot be left on disk.",
            "Close other programs, or choose a smaller model or one without experts.",
        ) from error


def _empty(config: Any) -> Any:
    """The model without values, which takes no memory."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def _device_map(config: Any, placement: Placement) -> dict[str, Any]:
    if placement.sharing is None:
        return {"": placement.device}
    empty = _empty(config)
    parts = [Part(name, _bytes_of(module, placement)) for name, module in _parts(empty)]
    head, embedding = empty.get_output_embeddings(), empty.get_input_embeddings()
    names = {module: name for name, module in _parts(empty)}
    is_tied = head is not None and head.weight is embedding.weight
    found = placement.sharing.plan([one for one in parts if not is_tied or one.name != names[head]])
    # Weights that are one tensor have one place.
    return found | ({names[head]: found[names[embedding]]} if is_tied else {})


def _parts(module: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The modules that stay in one piece: the layers, and what stands before and behind them."""
    for name, child in module.named_children():
        has_layers = any(isinstance(one, torch.nn.ModuleList) for one in child.children())
        if isinstance(child, torch.nn.ModuleList):
            yield from ((f"{prefix}{name}.{number}", layer) for number, layer in enumerate(child))
        elif has_layers:
            yield from _parts(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _bytes_of(module: Any, placement: Placement) -> int:
    layers = [one for one in module.modules() if isinstance(one, torch.nn.Linear)]
    linear = sum(one.weight.numel() for one in layers)
    total = sum(weight.numel() for weight in module.parameters())
    per_weight = bytes_per_weight(placement.scheme, placement.dtype)
    return int(linear * per_weight + (total - linear) * placement.dtype.itemsize)


def _class_name(config: Any, folder: Path) -> str:
    return str((getattr(config, "architectures", None) or [folder.name])[0])


@contextmanager
def _progress(report: ProgressCallback) -> Iterator[None]:
    """Report what would be a bar in a terminal; a log file is no place for those."""
    logging.disable_progress_bar()
    before = logging.set_tqdm_hook(_hook(report))
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def _hook(report: ProgressCallback) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]:
    def make(factory: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        items = arguments[0] if arguments else options.get("iterable")
        if options.get("desc") != "Loading weights" or not hasattr(items, "__len__"):
            return factory(*arguments, **options)
        return _reporting(items, report)

    return make


def _reporting(items: Any, report: ProgressCallback) -> Iterator[Any]:
    every = max(1, len(items) // 100)
    for number, item in enumerate(items):
        if number % every == 0:
            fraction = _FIRST + (_LAST - _FIRST) * number / len(items)
            report(LoadProgress("loading the weights", fraction))
        yield item


def _ignore(_: LoadProgress) -> None:
    return
