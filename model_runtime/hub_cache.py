"""What has been downloaded from the Hugging Face hub: the cache that all programs of that ecosystem
share. Read without their library, which is slow to import; clients resolve names before any daemon
exists.

Layout: `models--OWNER--NAME/{blobs,refs,snapshots/COMMIT}`; files in snapshots are links to blobs,
`refs/main` holds the commit (huggingface_hub, "Understand caching").
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "models--"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model in the cache. num_bytes: on disk, unfinished downloads included. missing: a file
    without which it does not load; None when it is all there.
    """

    name: str
    folder: Path
    num_bytes: int
    missing: str | None


def is_hub_name(name: str) -> bool:
    """Whether a model's name has the form OWNER/NAME rather than that of a path."""
    return bool(_HUB_NAME.fullmatch(name)) and not name.startswith(".")


def hub_cache() -> Path:
    """The cache's folder: $HF_HUB_CACHE, $HF_HOME/hub, else below the user's caches."""
    chosen = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if chosen:
        return Path(os.path.expandvars(chosen)).expanduser()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = os.environ.get("HF_HOME")
    base = Path(os.path.expandvars(home)) if home else caches / "huggingface"
    return base.expanduser() / "hub"


def repository_folder(name: str) -> Path:
    """Where the cache keeps everything about OWNER/NAME, whether it is there or not. As on the hub,
    upper and lower case are the same.
    """
    exact = hub_cache() / (_PREFIX + name.replace("/", "--"))
    if exact.is_dir():
        return exact
    alike = (one for one in _listed(hub_cache()) if one.name.lower() == exact.name.lower())
    return next(alike, exact)


def find_snapshot(name: str) -> Path | None:
    """The folder with the files of OWNER/NAME as `main` had them last; None when nothing of it has
    been downloaded.
    """
    repository = repository_folder(name)
    snapshots = repository / "snapshots"
    try:
        commit = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        commit = ""
    if commit and (snapshots / commit).is_dir():
        return snapshots / commit
    found = [folder for folder in _listed(snapshots) if folder.is_dir()]
    return max(found, key=lambda folder: folder.stat().st_mtime, default=None)


def hub_name_of(folder: Path) -> str | None:
    """OWNER/NAME, when `folder` is a snapshot of it in a cache of this layout."""
    repository = folder.parent.parent
    if folder.parent.name != "snapshots" or not repository.name.startswith(_PREFIX):
        return None
    return repository.name.removeprefix(_PREFIX).replace("--", "/", 1)


def missing_part(folder: Path) -> str | None:
    """The first file without which a checkpoint folder does not load; None when all are there."""
    if not (folder / "config.json").is_file():
        return "config.json"
    index = folder / _INDEX
    if index.is_file():
        return next((name for name in _shards(index) if not (folder / name).is_file()), None)
    if not any(file.is_file() for file in folder.glob("*.safetensors")):
        return "model.safetensors"
    return None


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds a LoRA adapter, as PEFT saves it, and no model of its own."""
    names = (ADAPTER_CONFIG, ADAPTER_WEIGHTS)
    has_config = (folder / "config.json").is_file()
    return not has_config and all((folder / name).is_file() for name in names)


def is_complete(folder: Path) -> bool:
    """Whether all of a model, or of an adapter, is there."""
    return missing_part(folder) is None or is_adapter(folder)


def cached_models() -> Iterator[CachedModel]:
    """The models in the cache, by name, also those of other kinds; adapters are left out."""
    for repository in _listed(hub_cache()):
        name = repository.name.removeprefix(_PREFIX).replace("--", "/", 1)
        if not repository.name.startswith(_PREFIX) or not is_hub_name(name):
            continue
        folder = find_snapshot(name) or repository
        has_config = (folder / "config.json").is_file()
        if has_config or not (folder / ADAPTER_CONFIG).is_file():
            yield CachedModel(name, folder, size_on_disk(repository), missing_part(folder))


def size_on_disk(folder: Path) -> int:
    """Bytes of all files below `folder`; what links lead to counts where it lies."""
    return sum(
        file.lstat().st_size
        for file in folder.rglob("*")
        if not file.is_symlink() and file.is_file()
    )


def remove_model(name: str) -> int:
    """Delete OWNER/NAME from the cache; return the bytes freed. Raises OSError, also when it is not
    there.
    """
    repository = repository_folder(name)
    num_bytes = size_on_disk(repository)
    shutil.rmtree(repository)
    shutil.rmtree(repository.parent / ".locks" / repository.name, ignore_errors=True)
    return num_bytes


def _shards(index: Path) -> list[str]:
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return sorted(set(weight_map.values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return [f"{_INDEX} in readable form"]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
