"""Where the training keeps its state, and how files in it are replaced safely."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

PROJECT_ROOT = Path(__file__).resolve().parent.parent
STARTER_FOLDER = PROJECT_ROOT / "model_runtime" / "starter"
BENCHMARK_FOLDER = PROJECT_ROOT.parent / "shared" / "data"
STATE_VARIABLE = "FIMBRIA_TRAINING_DIR"


@dataclass(frozen=True)
class StateFolder:
    """The paths inside one training's state folder."""

    root: Path

    @property
    def corpus(self) -> Path:
        return self.root / "corpus"

    @property
    def tokenizer(self) -> Path:
        return self.root / "tokenizer"

    @property
    def checkpoint(self) -> Path:
        return self.root / "checkpoint.pt"

    @property
    def branch(self) -> Path:
        """Checkpoint of the cooldown branch."""
        return self.root / "cooldown.pt"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def log(self) -> Path:
        return self.root / "log.jsonl"

    @property
    def pause_file(self) -> Path:
        return self.root / "pause"


def default_state_folder() -> StateFolder:
    """The folder named by `FIMBRIA_TRAINING_DIR`, else the user's data folder."""
    named = os.environ.get(STATE_VARIABLE)
    root = Path(named) if named else platformdirs.user_data_path("fimbria") / "training"
    return StateFolder(root.expanduser())


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then move it over `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace the contents of a text file in one step."""
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
