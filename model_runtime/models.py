"""From a model's name to its folder. Imports nothing heavy: clients resolve names before any daemon
exists.
"""

from __future__ import annotations

from pathlib import Path

from model_runtime.api import ModelNotFound

STARTER = "starter"
"""Name of the model that ships inside this package."""

_STARTER_FOLDER = Path(__file__).parent / "starter"


def resolve_model(name: str) -> Path:
    """Folder (absolute, links resolved) of the model called `name`: "starter" or a checkpoint
    folder, `~` expanded.

    Raises ModelNotFound when there is no such folder, or when it holds no configuration or no
    safetensors weights.
    """
    folder = _STARTER_FOLDER if name == STARTER else _folder_of(name)
    if not folder.is_dir():
        raise ModelNotFound(f"There is no model folder at {folder}.", _hint(name))
    missing = _missing_part(folder)
    if missing:
        raise ModelNotFound(
            f"{folder} is not a complete model folder: {missing} is missing.",
            "Download the checkpoint again, with its *.safetensors files.",
        )
    return folder.resolve()


def _folder_of(name: str) -> Path:
    if not name.strip() or "\0" in name:
        raise ModelNotFound("The model's name is empty or no path.", _hint(name))
    try:
        return Path(name).expanduser()
    except RuntimeError as error:  # "~nobody/model": no such user
        raise ModelNotFound(f"{name}: {error}", _hint(name)) from error


def _missing_part(folder: Path) -> str | None:
    if not (folder / "config.json").is_file():
        return "config.json"
    if not any(folder.glob("*.safetensors")):
        return "model.safetensors"
    return None


def _hint(name: str) -> str:
    if name.count("/") == 1 and not name.startswith((".", "~", "/")):
        return (
            f"Fimbria reads local folders: `hf download {name} --local-dir FOLDER`, "
            f'then use FOLDER as the model, or "{STARTER}" for the built-in one.'
        )
    return f'Give the path of a checkpoint folder, or "{STARTER}" for the built-in model.'
