"""From a model's name to its folder. Imports nothing heavy: clients resolve names before any daemon
exists.
"""

from __future__ import annotations

from pathlib import Path

from model_runtime.api import ModelNotFound
from model_runtime.hub_cache import find_snapshot, hub_name_of, is_hub_name, missing_part

STARTER = "starter"
"""Name of the model that ships inside this package."""

_STARTER_FOLDER = Path(__file__).parent / "starter"
_META_FILES = ("params.json", "consolidated.00.pth")


def resolve_model(name: str) -> Path:
    """Folder (absolute, links resolved) of the model called `name`: "starter", a checkpoint folder
    (`~` expanded) or, where there is no such folder, OWNER/NAME as downloaded from the Hugging Face
    hub.

    Raises ModelNotFound when there is no such folder or download, or when it holds no configuration
    or no safetensors weights; a checkpoint in Meta's own format is told how to convert it.
    """
    folder = _STARTER_FOLDER if name == STARTER else _folder_of(name)
    if not folder.is_dir():
        raise ModelNotFound(_not_found(name, folder), _hint(name))
    missing = missing_part(folder)
    if missing == "config.json" and is_meta_checkpoint(folder):
        raise ModelNotFound(
            f"{folder} is a checkpoint in Meta's original format.",
            f"Convert it once: fimbria models convert {folder} NEW_FOLDER",
        )
    if missing:
        raise ModelNotFound(
            f"{folder} is not a complete model folder: {missing} is missing.",
            _completing_hint(name),
        )
    return folder.resolve()


def model_name(folder: Path) -> str:
    """What to call the model in a resolved folder: "starter", OWNER/NAME, or the folder's name."""
    if folder == _STARTER_FOLDER.resolve():
        return STARTER
    return hub_name_of(folder) or folder.name


def is_meta_checkpoint(folder: Path) -> bool:
    """Whether a folder holds a checkpoint as Meta distributes it."""
    return all((folder / name).is_file() for name in _META_FILES)


def _folder_of(name: str) -> Path:
    if not name.strip() or "\0" in name:
        raise ModelNotFound("The model's name is empty or no path.", _hint(name))
    try:
        folder = Path(name).expanduser()
    except RuntimeError as error:  # "~nobody/model": no such user
        raise ModelNotFound(f"{name}: {error}", _hint(name)) from error
    if is_hub_name(name) and not folder.is_dir():
        return find_snapshot(name) or folder
    return folder


def _not_found(name: str, folder: Path) -> str:
    if is_hub_name(name):
        return f"{name} is neither a folder nor downloaded."
    return f"There is no model folder at {folder}."


def _completing_hint(name: str) -> str:
    if is_hub_name(name):
        return f"Finish the download: fimbria models pull {name}"
    return "Download the checkpoint again, with its *.safetensors files."


def _hint(name: str) -> str:
    if is_hub_name(name):
        return f'Download it: fimbria models pull {name}. "{STARTER}" is the built-in model.'
    return (
        f'Give the path of a checkpoint folder, OWNER/NAME of the Hugging Face hub, or "{STARTER}" '
        "for the built-in model."
    )
