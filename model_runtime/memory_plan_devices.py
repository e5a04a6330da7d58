"""The devices that a model could run on here, and what memory they have. Imports torch."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil
import torch

from model_runtime.config import ModelConfig
from model_runtime.devices import choose_dtype
from model_runtime.hub import fetch_config
from model_runtime.hub_cache import is_hub_name, missing_part
from model_runtime.memory_plan import Device, ModelSize, model_size
from model_runtime.memory_plan_shapes import (
    llama_counts,
    num_kv_heads,
    official_config,
    read_shape,
)
from model_runtime.models import STARTER, resolve_model
from model_runtime.weight_files import check_files


def devices_for(config: ModelConfig) -> list[Device]:
    """What `--device` may name, the one that `auto` takes first."""
    gpus = [_gpu(index, config) for index in range(torch.cuda.device_count())]
    return [*gpus, _cpu(config)]


def size_of(name: str) -> tuple[ModelConfig, ModelSize]:
    """Plan for a model by name: a folder, a download, an official Code Llama checkpoint (offline,
    by name) or any model of the hub, of which its config.json is fetched. Raises RuntimeFailure.
    """
    folder = _folder_of(name)
    official = official_config(name) if folder is None else None
    if official is not None:
        counts = llama_counts(official)
        return official, model_size(name, official, counts, official.num_kv_heads)
    folder = folder or fetch_config(name)
    config, counts = read_shape(folder)
    return config, model_size(name, config, counts, num_kv_heads(folder, config))


def _folder_of(name: str) -> Path | None:
    """A folder with at least a configuration, and whole weights if it has any; None for what would
    have to be downloaded.
    """
    if name == STARTER:
        return resolve_model(name)
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        if missing_part(folder) is None:
            check_files(folder)
        return folder
    if official_config(name) or (is_hub_name(name) and not folder.is_dir()):
        return None
    return resolve_model(name)


def _gpu(index: int, config: ModelConfig) -> Device:
    device = torch.device("cuda", index)
    free, total = torch.cuda.mem_get_info(device)
    label = torch.cuda.get_device_name(device)
    return Device(f"cuda:{index}", label, total, free, _auto(config, device))


def _cpu(config: ModelConfig) -> Device:
    memory = psutil.virtual_memory()
    label = platform.processor() or platform.machine() or "CPU"
    auto = _auto(config, torch.device("cpu"))
    return Device("cpu", label, memory.total, memory.available, auto)


def _auto(config: ModelConfig, device: torch.device) -> str:
    return str(choose_dtype("auto", config, device)).removeprefix("torch.")
