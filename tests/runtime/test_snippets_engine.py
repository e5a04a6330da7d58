"""Other files beside the one that is completed, with weights: what is computed, what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model_runtime.api import OtherFiles, Snippet
from model_runtime.engine import Engine
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from tests.runtime.family_checkpoints import BY_NAME
from tests.runtime.running import run
from tests.runtime.test_engine import forget_everything

PREFIX = "import os\n\n\ndef area(width, height):\n    return wid"
SUFFIX = "\n\nprint(area(1, 2))\n"
FILES = (
    Snippet("lib/shapes.py", "def volume(width, height, depth):\n    return width * height\n" * 3),
    Snippet("main.py", "from lib.shapes import volume\n\nprint(volume(1, 2, 3))\n"),
)
SEEING = [
    "starcoder2-3b",
    "Qwen2.5-Coder-0.5B-Instruct",
    "deepseek-coder-1.3b-instruct",
    "codegeex4-all-9b",
    "CodeLlama-7b-Instruct-hf",
]


@pytest.fixture(scope="module", params=SEEING)
def seeing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    name = str(request.param)
    threads = torch.get_num_threads()
    checkpoint = BY_NAME[name]
    if checkpoint.family == "code_llama":  # which sees other files where there is room for them
        shape = checkpoint.shape | {"max_position_embeddings": 4096}
        checkpoint = replace(checkpoint, shape=shape)
    engine = load_engine(checkpoint.write(tmp_path_factory.mktemp("family") / name))
    yield engine
    engine.close()
    torch.set_num_threads(threads)


def test_the_next_key_computes_only_what_is_new(seeing: Engine) -> None:
    """Files stand before all that typing changes, and are the same for each key of a visit."""
    assert seeing.info.other_files is OtherFiles.SHOWN
    alone = run(seeing, PREFIX, SUFFIX, path="a.py", max_tokens=2)
    first = run(seeing, PREFIX, SUFFIX, snippets=FILES, path="a.py", max_tokens=2)
    assert first.usage.prompt_tokens > alone.usage.prompt_tokens + 50
    second = run(seeing, PREFIX + "th", SUFFIX, snippets=FILES, path="a.py", max_tokens=2)
    appends = seeing.info.family != "glm"  # a marker stands behind its prefix
    assert second.usage.computed_tokens <= (8 if appends else 16)
    assert second.usage.cached_tokens > alone.usage.prompt_tokens
    other = run(seeing, PREFIX, SUFFIX, snippets=FILES[:1], path="a.py", max_tokens=2)
    assert other.usage.computed_tokens > second.usage.computed_tokens


def test_with_other_files_too_cached_equals_uncached(seeing: Engine) -> None:
    asked = [(PREFIX, FILES), (PREFIX + "th", FILES), (PREFIX + "th", FILES[1:])]
    cached = [run(seeing, p, SUFFIX, snippets=f, path="a.py", max_tokens=8).text for p, f in asked]
    for (prefix, files), text in zip(asked, cached, strict=True):
        forget_everything(seeing)
        fresh = run(
            seeing, prefix, SUFFIX, snippets=files, path="a.py", max_tokens=8, speculate=False
        )
        assert fresh.text == text


# The starter: it does not see them, but copies from them


@pytest.fixture(scope="module")
def starter(starter_folder: Path) -> Iterator[Engine]:
    engine = load_engine(starter_folder, LoadOptions(device="cpu", dtype="float32"))
    yield engine
    engine.close()


ELSEWHERE = (Snippet("orders.py", "def reconcile_ledgers(opening_balance, closing_balance):\n"),)
HERE = "from orders import reconcile_ledgers\n\nresult = reconcile_ledgers(op"


def test_the_starter_writes_names_that_stand_elsewhere(starter: Engine) -> None:
    assert starter.info.other_files is OtherFiles.COPIED
    alone = run(starter, HERE, "\n", max_tokens=16)
    beside = run(starter, HERE, "\n", snippets=ELSEWHERE, max_tokens=16)
    assert beside.text.startswith("ening_balance, closing_balance)")
    assert not alone.text.startswith("ening_balance, closing_balance)")
    assert beside.usage.prompt_tokens == alone.usage.prompt_tokens


def test_what_it_copies_does_not_depend_on_the_cache(starter: Engine) -> None:
    ends = range(len(HERE) - 6, len(HERE) + 1)
    texts = [run(starter, HERE[:end], "\n", snippets=ELSEWHERE, max_tokens=16).text for end in ends]
    last = run(starter, HERE, "\n", snippets=ELSEWHERE, max_tokens=16)
    assert last.usage.computed_tokens <= 2
    for end, text in zip(ends, texts, strict=True):
        forget_everything(starter)
        fresh = run(starter, HERE[:end], "\n", snippets=ELSEWHERE, max_tokens=16, speculate=False)
        assert fresh.text == text
