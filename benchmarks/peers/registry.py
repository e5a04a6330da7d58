"""The peers by name: which prompt order each is asked in, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.peers import Peer
from benchmarks.questions import Question
from model_runtime.config import read_config

GENERATE = "generate"
GENERATE_CACHED = "generate-cached"
LLAMA_CPP_PSM = "llama.cpp-psm"
LLAMA_CPP_SPM = "llama.cpp-spm"
LLAMA_CPP_SPM_Q8 = "llama.cpp-spm-q8"
PEERS = (GENERATE, GENERATE_CACHED, LLAMA_CPP_PSM, LLAMA_CPP_SPM, LLAMA_CPP_SPM_Q8)
LLAMA_CPP = (LLAMA_CPP_PSM, LLAMA_CPP_SPM, LLAMA_CPP_SPM_Q8)


def missing_package(names: Sequence[str]) -> str | None:
    """The first package that these peers need and that is not installed."""
    needed = ("llama_cpp", "gguf") if set(names) & set(LLAMA_CPP) else ()
    return next((package for package in needed if find_spec(package) is None), None)


def ids_for(name: str, question: Question) -> list[int]:
    """The prompt in the order that this peer is asked in."""
    return question.psm_ids if name == LLAMA_CPP_PSM else question.own_ids


@contextmanager
def open_peers(names: Sequence[str], folder: Path, num_threads: int) -> Iterator[dict[str, Peer]]:
    """Load each on the same weights. Raises ValueError for a missing package."""
    if package := missing_package(names):
        raise ValueError(f"{package} is not installed: pip install 'fimbria[bench]'")
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(prefix="fimbria-")))
        maker = _Maker(folder, place, num_threads, stack)
        yield {name: maker.make(name) for name in names}


@dataclass
class _Maker:
    folder: Path
    place: Path
    num_threads: int
    stack: ExitStack
    _files: dict[str, Path] = field(default_factory=dict)

    def make(self, name: str) -> Peer:
        makers: dict[str, Callable[[], Peer]] = {
            GENERATE: self._scratch,
            GENERATE_CACHED: self._cached,
            LLAMA_CPP_PSM: lambda: self._llama_cpp("f32"),
            LLAMA_CPP_SPM: lambda: self._llama_cpp("f32"),
            LLAMA_CPP_SPM_Q8: lambda: self._llama_cpp("q8_0"),
        }
        return makers[name]()

    @cached_property
    def _reference(self) -> Any:
        from benchmarks.peers.generate import load_reference

        return load_reference(self.folder, self.num_threads)

    def _scratch(self) -> Peer:
        from benchmarks.peers.generate import ScratchEngine

        return ScratchEngine(self._reference)

    def _cached(self) -> Peer:
        from benchmarks.peers.generate import CachedEngine

        return CachedEngine(self._reference)

    def _llama_cpp(self, quantization: str) -> Peer:
        from benchmarks.peers.llama_cpp import LlamaCppEngine

        engine = LlamaCppEngine(
            self._gguf(quantization),
            num_threads=self.num_threads,
            context_length=read_config(self.folder).context_length,
        )
        self.stack.callback(engine.close)
        return engine

    def _gguf(self, quantization: str) -> Path:
        from benchmarks.peers.gguf_export import export_gguf

        if quantization not in self._files:
            self._files[quantization] = self.place / f"{quantization}.gguf"
            export_gguf(self.folder, self._files[quantization], quantization)
        return self._files[quantization]
