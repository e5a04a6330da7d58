"""Daemons with tiny checkpoints that chat, and conversations with them."""

from __future__ import annotations

from pathlib import Path

from model_runtime.api import ChatMessage, ChatRequest, ProgressCallback, Role, SamplingParams
from model_runtime.engine import Engine
from model_runtime.loading import load_engine
from model_runtime.resident import LoadEngine
from tests.runtime.family_checkpoints import BY_NAME

CHAT_MODEL = "CodeLlama-7b-Instruct-hf"
BASE_MODEL = "starcoder2-3b"

SYSTEM = ChatMessage(Role.SYSTEM, "Answer in code.")
QUESTION = ChatMessage(Role.USER, "What is the area of a width?")
CHAT = ChatRequest(messages=(SYSTEM, QUESTION), max_tokens=12)
LONG_CHAT = ChatRequest(messages=(QUESTION,), max_tokens=700)
SAMPLED = SamplingParams(temperature=0.8, seed=7)


def write_checkpoint(folder: Path, name: str) -> Path:
    return BY_NAME[name].write(folder / name)


class Loaded:
    """Loads a checkpoint, and keeps hold of the engine for the test to look at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.engine: Engine

    @property
    def load(self) -> LoadEngine:
        return self._load

    def _load(self, progress: ProgressCallback) -> Engine:
        self.engine = load_engine(self._folder, progress=progress)
        return self.engine
