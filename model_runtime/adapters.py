"""Which LoRA adapter is meant, and whether it is one. Torch-free: clients resolve names, too."""

from __future__ import annotations

from pathlib import Path

from model_runtime.api import ModelNotFound
from model_runtime.hub_cache import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    find_snapshot,
    is_hub_name,
)


def resolve_adapter(name: str) -> Path:
    """Folder (absolute, links resolved) of the adapter called `name`: a folder as PEFT saves it, or
    OWNER/NAME as downloaded from the Hugging Face hub. Raises ModelNotFound, also for a folder that
    holds no adapter.
    """
    folder = Path(name).expanduser()
    if is_hub_name(name) and not folder.is_dir():
        found = find_snapshot(name)
        if found is None:
            raise ModelNotFound(
                f"The adapter {name} is neither a folder nor downloaded.",
                f"Download it: fimbria models pull {name}",
            )
        folder = found
    if not folder.is_dir():
        raise ModelNotFound(
            f"There is no adapter folder at {folder}.",
            "Give the path of a folder as PEFT saves it, or OWNER/NAME of the Hugging Face hub.",
        )
    for file in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
        if not (folder / file).is_file():
            raise ModelNotFound(
                f"{folder} is no LoRA adapter: {file} is missing.",
                f"An adapter's folder, as PEFT saves it, holds {ADAPTER_CONFIG} and "
                f"{ADAPTER_WEIGHTS}.",
            )
    return folder.resolve()
