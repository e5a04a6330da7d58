"""Each family's checkpoint, with random weights, through the code that loads real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from model_runtime.api import (
    Capability,
    ChatMessage,
    ChatRequest,
    Layout,
    MissingCapability,
    Role,
)
from model_runtime.engine import Engine
from model_runtime.loading import load_engine
from tests.runtime.family_checkpoints import BY_NAME
from tests.runtime.running import Running, run

PREFIX = "import os\n\n\ndef area(width, height):\n    return wid"
SUFFIX = "\n\nprint(area(1, 2))\n"


@pytest.fixture(scope="module", params=list(BY_NAME))
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    name = str(request.param)
    folder: Path = tmp_path_factory.mktemp("family") / name
    threads = torch.get_num_threads()
    engine = load_engine(BY_NAME[name].write(folder))
    yield engine
    engine.close()
    torch.set_num_threads(threads)


def test_plain_completion(engine: Engine) -> None:
    done = run(engine, PREFIX, max_tokens=4)
    assert 1 <= done.usage.completion_tokens <= 4
    again = run(engine, "", max_tokens=2)
    assert again.usage.prompt_tokens >= 1


def test_infilling_computes_only_what_is_new(engine: Engine) -> None:
    """In the default layout, which every family has so that typing appends."""
    if not engine.info.layouts:
        with pytest.raises(MissingCapability):
            run(engine, PREFIX, SUFFIX, max_tokens=2)
        return
    first = run(engine, PREFIX, SUFFIX, max_tokens=4)
    assert first.usage.completion_tokens >= 1
    second = run(engine, PREFIX + "th", SUFFIX, max_tokens=4)
    assert second.usage.cached_tokens >= first.usage.prompt_tokens - 8
    assert second.usage.cached_tokens > 10


def test_every_layout_runs(engine: Engine) -> None:
    for layout in (*engine.info.layouts, Layout.AUTO) if engine.info.layouts else ():
        assert run(engine, PREFIX, SUFFIX, max_tokens=2, layout=layout).usage.completion_tokens


def test_a_conversation_goes_on_in_the_cache(engine: Engine) -> None:
    question = ChatMessage(Role.USER, "area of a width")
    if Capability.CHAT not in engine.info.capabilities:
        with pytest.raises(MissingCapability):
            engine.submit(ChatRequest(messages=(question,)), print)
        return
    first = chat(engine, question)
    answer = ChatMessage(Role.ASSISTANT, first.text or "no")
    second = chat(engine, question, answer, ChatMessage(Role.USER, "and more"))
    assert first.finished.usage.completion_tokens >= 1
    assert second.finished.usage.cached_tokens >= first.finished.usage.prompt_tokens - 8


def chat(engine: Engine, *messages: ChatMessage) -> Running:
    running = Running(engine, ChatRequest(messages=messages, max_tokens=6))
    running.wait()
    return running
