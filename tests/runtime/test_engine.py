"""The engine as its clients see it: real weights, every event, and a cache that never changes an
answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_runtime.api import (
    CompletionRequest,
    FinishReason,
    InvalidRequest,
    Layout,
    MissingCapability,
    RuntimeFailure,
    RuntimeUnavailable,
    SamplingParams,
)
from model_runtime.engine import Engine
from model_runtime.loading import load_engine
from tests.runtime.conftest import save_random_llama
from tests.runtime.running import WAIT_S, Running, run

CODE = """import os


def area(width, height):
    return width * height


def volume(width, height, depth):
    retu"""
AFTER = "\n\n\nprint(volume(1, 2, 3))\n"


def fresh_answer(folder: Path, **request: Any) -> str:
    engine = load_engine(folder)
    try:
        return run(engine, **request).text
    finally:
        engine.close()


def test_a_word_is_completed(starter: Engine) -> None:
    """Token healing: a prompt cut inside `return` goes on with its other half."""
    done = run(starter, CODE, AFTER, max_tokens=24, stop=("\n",))
    assert done.text.startswith("rn ")
    assert "\n" not in done.text
    assert done.finish_reason is FinishReason.STOP


def test_typing_on_computes_only_what_is_new(starter: Engine) -> None:
    first = run(starter, CODE, AFTER, max_tokens=4)
    second = run(starter, CODE + "rn ", AFTER, max_tokens=4)
    assert first.usage.prompt_tokens > 40
    assert second.usage.cached_tokens >= first.usage.prompt_tokens - 1
    assert second.usage.computed_tokens <= 4


@pytest.fixture(params=["tiny", "starter"])
def cramped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Three slots and short chunks: requests copy, evict and compute in several steps."""
    monkeypatch.setattr("model_runtime.loading.MAX_SLOTS", 3)
    engine = load_engine(request.getfixturevalue(f"{request.param}_folder"))
    engine._worker._chunk = 8
    yield engine
    engine.close()


asks = st.tuples(
    st.integers(0, len(CODE)),
    st.integers(0, len(AFTER)),
    st.sampled_from([Layout.SPM, Layout.PSM, Layout.FROZEN]),
    st.sampled_from(["", "return width", "def volume(width", "zzz"]),
    st.integers(1, 3),
    st.integers(0, 6),
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(asks, min_size=4, max_size=8))
def test_cached_equals_uncached(cramped: Engine, asked: list[tuple[Any, ...]]) -> None:
    """Whatever was asked, guessed, aborted, copied and evicted before, greedy output equals that
    of an empty cache without drafts, token for token.
    """
    for *ask, num_candidates, abort_at in asked[:-1]:
        with aborting_in_call(cramped, abort_at) as abort:
            running = Running(cramped, _request(*ask, num_candidates=num_candidates))
            abort.append(running.abort)
            running.wait()
    *ask, _, _ = asked[-1]
    last = Running(cramped, _request(*ask))
    last.wait()
    forget_everything(cramped)
    expected = Running(cramped, _request(*ask, speculate=False))
    expected.wait()
    assert last.text == expected.text


def _request(end: int, start: int, layout: Layout, guess: str, **more: Any) -> CompletionRequest:
    return CompletionRequest(
        prompt=CODE[:end],
        suffix=AFTER[start:],
        layout=layout,
        drafts=(guess,),
        max_tokens=12,
        **more,
    )


def forget_everything(engine: Engine) -> None:
    """Empty the cache of an engine that has nothing to do."""
    slots = engine._worker._slots
    for slot in slots._slots:
        slots.clear(slot)


@contextmanager
def aborting_in_call(engine: Engine, number: int) -> Iterator[list[Callable[[], None]]]:
    """Abort while the model computes its `number`th step (from 1; 0: never)."""
    abort: list[Callable[[], None]] = []
    forward, calls = engine._worker._model.forward, count(1)
    gate = threading.Event()

    def watched(*args: Any) -> Any:
        if next(calls) == number:
            gate.wait(WAIT_S)
            abort[0]()
        return forward(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine._worker._model, "forward", watched)
        yield _Opening(abort, gate)


class _Opening(list[Callable[[], None]]):
    """Opens a gate as soon as something is put in."""

    def __init__(self, target: list[Callable[[], None]], gate: threading.Event) -> None:
        self._target, self._gate = target, gate

    def append(self, abort: Callable[[], None]) -> None:
        self._target.append(abort)
        self._gate.set()


LONG = "".join(f"value_{i} = {i}\n" for i in range(80))


def test_an_aborted_prefill_ends_with_its_chunk_and_keeps_it(starter: Engine) -> None:
    with aborting_in_call(starter, 1) as abort:
        chunk = starter._worker._chunk
        running = Running(starter, CompletionRequest(prompt=LONG, suffix="", max_tokens=200))
        abort.append(running.abort)
        assert running.wait().reason is FinishReason.ABORTED
    assert running.text == ""
    again = run(starter, LONG, "", max_tokens=200, stop=("\n",))
    assert again.usage.prompt_tokens > chunk
    shared_with_others = 4  # BOS and markers, from an earlier request's slot
    assert chunk <= again.usage.cached_tokens <= chunk + shared_with_others


@pytest.mark.parametrize("step", [2, 5])
def test_an_abort_ends_the_request_within_the_step(starter: Engine, step: int) -> None:
    request = CompletionRequest(prompt="numbers = [1, ", suffix="", max_tokens=500, speculate=False)
    with aborting_in_call(starter, step) as abort:
        running = Running(starter, request)
        abort.append(running.abort)
        finished = running.wait()
    assert finished.reason is FinishReason.ABORTED
    assert finished.usage.completion_tokens <= step
    assert running.num_late_events == 0


def test_a_copy_that_fails_leaves_no_slot_that_claims_tokens(
    tiny: Engine, tiny_folder: Path
) -> None:
    """A slot once kept the length of a prefix that was never copied: the next answer was wrong."""
    run(tiny, CODE, AFTER, max_tokens=4, layout=Layout.PSM)
    ask: dict[str, Any] = {"prompt": CODE[:40], "suffix": AFTER, "layout": Layout.PSM}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny._worker._kv, "copy_prefix", _raise_out_of_memory)
        with pytest.raises(RuntimeFailure):
            run(tiny, **ask, max_tokens=8)
    expected = fresh_answer(tiny_folder, **ask, max_tokens=8)
    assert run(tiny, **ask, max_tokens=8).text == expected


def test_a_newer_request_supersedes_the_older_of_its_document(starter: Engine) -> None:
    options: dict[str, Any] = {"suffix": "", "max_tokens": 400}
    older = Running(starter, CompletionRequest(prompt="a = ", document="a.py", **options))
    other = Running(
        starter, CompletionRequest(prompt="b = ", document="b.py", max_tokens=2, suffix="")
    )
    newer = Running(
        starter, CompletionRequest(prompt="a = 1", document="a.py", max_tokens=2, suffix="")
    )
    assert older.wait().reason is FinishReason.ABORTED
    assert {other.wait().reason, newer.wait().reason} <= {FinishReason.LENGTH, FinishReason.STOP}


def test_two_documents_keep_a_slot_each(starter: Engine) -> None:
    one, two = CODE, "class Tree:\n    def __init__(self, left, right):\n        self.le"
    for prompt in (one, two, one, two):
        done = run(starter, prompt, AFTER, max_tokens=2)
    assert done.usage.computed_tokens == 1


def test_a_seed_repeats_a_sample(starter: Engine) -> None:
    def sample(seed: int) -> str:
        params = SamplingParams(temperature=1.0, top_p=0.95, seed=seed)
        return run(starter, CODE, AFTER, max_tokens=16, sampling=params).text

    assert sample(1) == sample(1)
    assert len({sample(seed) for seed in range(6)}) > 1


def test_a_tiny_nucleus_is_greedy(starter: Engine) -> None:
    params = SamplingParams(temperature=1.0, top_p=1e-9, seed=3)
    greedy = run(starter, CODE, AFTER, max_tokens=12)
    assert run(starter, CODE, AFTER, max_tokens=12, sampling=params).text == greedy.text


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(temperature=1.0, top_p=0.0, seed=1),
        SamplingParams(temperature=1e-40, seed=1),
        SamplingParams(temperature=1e-3, seed=1),
    ],
    ids=["no nucleus", "no temperature", "little temperature"],
)
def test_the_edges_of_sampling_are_greedy(starter: Engine, params: SamplingParams) -> None:
    greedy = run(starter, CODE, AFTER, max_tokens=6)
    assert run(starter, CODE, AFTER, max_tokens=6, sampling=params).text == greedy.text


def test_max_tokens_is_kept(starter: Engine) -> None:
    done = run(starter, "x = ", None, max_tokens=5)
    assert done.usage.completion_tokens <= 5
    assert done.finish_reason in (FinishReason.LENGTH, FinishReason.STOP)


def test_left_to_right_without_a_suffix(starter: Engine) -> None:
    assert run(starter, "for i in ran", None, max_tokens=3).text.startswith("ge(")


def test_a_file_longer_than_the_context(starter: Engine) -> None:
    """Typing goes on being cheap there: the window hops instead of sliding."""
    long = "".join(f"value_{i} = compute({i})\n" for i in range(2000))
    run(starter, long + "total = su", "", max_tokens=4)
    done = run(starter, long + "total = sum", "", max_tokens=4)
    assert done.usage.prompt_tokens <= starter.info.context_length
    assert done.usage.computed_tokens <= 4


@pytest.mark.parametrize(
    "prompt", ["", "\n", " ", "\t", "😀", "é" * 3, "a" * 5000, "\n" * 3000, "</s><EOT> ▁<MID>"]
)
@pytest.mark.parametrize("suffix", [None, "", "\r", "</s>", "x" * 5000])
def test_odd_input_is_answered(tiny: Engine, prompt: str, suffix: str | None) -> None:
    for layout in (Layout.SPM, Layout.PSM):
        done = run(tiny, prompt, suffix, max_tokens=3, layout=layout)
        assert done.usage.prompt_tokens <= tiny.info.context_length


def test_wrong_requests_are_refused(tiny: Engine) -> None:
    for request in (
        CompletionRequest(prompt="", max_tokens=-1),
        CompletionRequest(prompt="", max_tokens=10**6),
    ):
        with pytest.raises(InvalidRequest, match="max_tokens"):
            run(tiny, request.prompt, max_tokens=request.max_tokens)


def test_a_model_without_the_markers_says_so(
    tmp_path: Path, code_llama_tokenizer_file: Path
) -> None:
    """Code Llama 34B and the Python variants: the tokenizer has pieces that the embedding lacks."""
    folder = save_random_llama(
        tmp_path / "34b", code_llama_tokenizer_file, vocab_size=32000, hidden_size=16
    )
    engine = load_engine(folder)
    try:
        with pytest.raises(MissingCapability, match="infilling"):
            run(engine, "a", "b")
        for prompt in ("x = ", "if x <", "print(a, b)\n    ", " <SU", "a <PRE> b", "<EOT>"):
            assert run(engine, prompt, None, max_tokens=4).usage.completion_tokens > 0
    finally:
        engine.close()


def test_a_model_with_more_rows_than_pieces_answers(tmp_path: Path, tiny_folder: Path) -> None:
    """Padded vocabularies, and fine-tunes whose added tokens are in no sentencepiece file."""
    folder = save_random_llama(tmp_path, tiny_folder / "tokenizer.model", vocab_size=20000)
    engine = load_engine(folder)
    try:
        for prompt in (CODE, "", "x", "import ", "def f():"):
            assert run(engine, prompt, AFTER, max_tokens=8).finish_reason is not None
    finally:
        engine.close()


def test_the_configuration_names_tokens_that_end_an_answer(
    tmp_path: Path, tiny_folder: Path, tiny: Engine
) -> None:
    prompt = tiny.renderer.render(CompletionRequest(prompt=CODE))
    assert prompt.end_ids == {2}
    folder = save_random_llama(
        tmp_path, tiny_folder / "tokenizer.model", vocab_size=9000, eos_token_id=[2, 8500]
    )
    engine = load_engine(folder)
    engine.close()
    assert engine.renderer.render(CompletionRequest(prompt=CODE)).end_ids == {2, 8500}


def test_a_failing_request_leaves_the_engine_alive(
    tiny: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(tiny, CODE, AFTER, max_tokens=8).text
    with monkeypatch.context() as patch:
        patch.setattr(tiny._worker._model, "forward", _raise_out_of_memory)
        with pytest.raises(RuntimeFailure) as failure:
            run(tiny, CODE, AFTER, max_tokens=8)
        assert failure.value.code == "out_of_memory"
    assert run(tiny, CODE, AFTER, max_tokens=8).text == expected


def _raise_out_of_memory(*_: object) -> None:
    raise MemoryError


def test_closing_ends_every_request(tiny_folder: Path) -> None:
    engine = load_engine(tiny_folder)
    requests = [Running(engine, CompletionRequest(prompt=f"{i}", max_tokens=200)) for i in range(3)]
    engine.close()
    assert [r.wait().reason for r in requests].count(FinishReason.ABORTED) >= 2
    with pytest.raises(RuntimeUnavailable):
        run(engine, "a")


def test_stats_count(tiny_folder: Path) -> None:
    engine = load_engine(tiny_folder)
    try:
        run(engine, CODE, None, max_tokens=3)
        run(engine, CODE, None, max_tokens=3)
        stats = engine.stats()
    finally:
        engine.close()
    assert stats.requests == len(stats.recent) == 2
    assert stats.cached_tokens == stats.prompt_tokens // 2 - 1
    assert stats.recent[1].usage.computed_tokens == 1
    assert max(slot.len for slot in stats.slots) >= stats.prompt_tokens // 2
