"""What `fimbria models` reads from a model's folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lsp_server.cli.models import describe_model
from model_runtime.api import UnsupportedModel
from model_runtime.models import resolve_model
from model_runtime.prompts import MAX_CONTEXT_LENGTH


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resolve_model("starter"), tmp_path / "model"))


def test_the_context_is_what_the_daemon_serves(folder: Path) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    for trained, served in ((512, 512), (2 * MAX_CONTEXT_LENGTH, MAX_CONTEXT_LENGTH)):
        file.write_text(json.dumps(config | {"max_position_embeddings": trained}))
        assert describe_model(str(folder)).context_length == served


def test_a_model_without_its_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.model").unlink()
    with pytest.raises(UnsupportedModel, match=r"tokenizer\.model"):
        describe_model(str(folder))
