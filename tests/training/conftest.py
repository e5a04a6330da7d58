"""A tiny model, a tiny corpus and the shipped tokenizer."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import torch

from training.corpus.build import Document
from training.folders import STARTER_FOLDER
from training.model import LanguageModel, ModelShape
from training.tokenizer import Tokenizer

TINY = ModelShape(
    hidden=32, layers=2, heads=2, kv_heads=1, feed_forward=48, head_dim=16, context=128
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer(STARTER_FOLDER / "tokenizer.model")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def tiny_model() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(TINY)


def make_document(number: int, package: str = "package") -> Document:
    text = textwrap.dedent(
        f'''\
        """Module number {number}."""


        def add_{number}(first: int, second: int) -> int:
            """Add {number} to the sum of two numbers."""
            total = first + second + {number}
            if total > {number * 7}:
                raise ValueError("too large: " + str(total))
            return total


        class Counter{number}:
            def __init__(self, start: int = {number}) -> None:
                self.count_{number} = start

            def step(self) -> None:
                self.count_{number} += {number + 1}
        '''
    )
    return Document(package, f"{package}/module_{number}.py", text)


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    return [make_document(number) for number in range(12)]


@pytest.fixture
def state_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIMBRIA_TRAINING_DIR", str(tmp_path))
    return tmp_path
