"""Engines take turns; the peers get our prompts and as many tokens as we generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.blocks import Block, cut
from benchmarks.comparison import questions_of, take_turns
from benchmarks.measurements import Measurement
from benchmarks.ours import type_block
from benchmarks.questions import MAX_TOKENS, Asker, open_asker
from benchmarks.traces import Patch, Step, Trace
from model_runtime.api import Priority

TEXT = "def add(a, b):\n    return a\n"


@pytest.fixture(scope="module")
def asker(starter_folder: Path) -> Asker:
    return open_asker(starter_folder)


def typing() -> Trace:
    """Types ` + b` at the end of a line, with a deletion in between."""
    at = len(TEXT) - 1
    patches = [(at, 0, " "), (at + 1, 0, "+"), (at + 1, 1, ""), (at + 1, 0, "b"), (at + 2, 0, "c")]
    transactions = tuple((Patch(*patch),) for patch in patches)
    return Trace("test", TEXT, TEXT[:at] + " bc\n", transactions, (1.0, 2.0, 3.0, 4.0, 5.0))


def block(*spans: range) -> Block:
    return list(cut(typing(), spans))[-1]


@dataclass
class FakeEngine:
    """Computes 3 tokens per question, and 2 for each change while it rests."""

    prompt_tokens: int
    log: list[str] = field(default_factory=list)
    computed: int = 0

    def skip(self, step: Step) -> None:
        self.log.append("skip")

    def change(self, step: Step) -> None:
        self.log.append("change")
        self.computed += 2

    def ask(self, step: Step) -> Measurement:
        self.log.append("ask")
        self.computed += 3
        return Measurement(self.prompt_tokens, self.prompt_tokens - 1, 2, 1.0, 2.0)

    def rest(self, pause_s: float) -> None:
        self.log.append(f"rest {pause_s:.0f}")

    def settle(self) -> int:
        self.log.append("settle")
        return self.computed


@dataclass
class FakePeer:
    asked: list[tuple[int, int]] = field(default_factory=list)
    last_ids: list[int] = field(default_factory=list)

    def answer(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        self.asked.append((len(prompt_ids), num_tokens))
        return Measurement(len(prompt_ids), 0, num_tokens, 1.0, 2.0)


def test_a_block_is_typed_with_the_persons_pauses() -> None:
    engine = FakeEngine(10)
    typed = type_block(engine, block(range(1, 4)))
    assert engine.log[:3] == ["settle", "ask", "settle"]
    assert ", ".join(engine.log[3:]) == (
        "ask, rest 2, change, rest 3, ask, rest 4, ask, rest 5, settle"
    )
    assert list(typed.measured) == [1, 2, 3]


def test_what_is_computed_between_keys_is_counted_apart() -> None:
    assert type_block(FakeEngine(10), block(range(1, 4))).idle_tokens == 2


def test_what_lies_before_a_block_is_skipped() -> None:
    engine = FakeEngine(10)
    type_block(engine, block(range(3, 4)))
    assert engine.log[:4] == ["skip", "skip", "skip", "settle"]


def test_peers_generate_as_much_as_we_did(asker: Asker) -> None:
    measured = {
        0: Measurement(0, 0, 0, 1.0, 1.0),
        1: Measurement(len(asked(asker, 1)), 0, 7, 1.0, 1.0),
        2: Measurement(0, 0, 0, 1.0, 1.0),
    }
    questions = questions_of(block(range(4)), asker, measured)
    assert [question.num_tokens for question in questions] == [MAX_TOKENS, 7, 7, 7]


def asked(asker: Asker, number: int) -> list[int]:
    return questions_of(block(range(4)), asker, {})[number].own_ids


def test_other_prompts_than_ours_are_an_error(asker: Asker) -> None:
    with pytest.raises(ValueError, match="not be comparable"):
        questions_of(block(range(4)), asker, {0: Measurement(3, 0, 7, 1.0, 1.0)})


def test_everyone_is_asked_at_the_key_before_a_block(asker: Asker) -> None:
    before, *measured = (len(asked(asker, number)) for number in range(1, 4))
    peer, scratch = FakePeer(), FakePeer()
    peers = {"generate": scratch, "llama.cpp-spm": peer}
    runs = dict(take_turns(block(range(2, 4)), {}, peers, asker, generate_every=2))
    assert peer.asked == [(length, MAX_TOKENS) for length in (before, *measured)]
    assert scratch.asked == [(measured[0], MAX_TOKENS)]
    assert {name: list(run.measured) for name, run in runs.items()} == {
        "generate": [2],
        "llama.cpp-spm": [2, 3],
    }


def test_the_two_orders_hold_the_same_parts(asker: Asker) -> None:
    question = questions_of(block(range(4)), asker, {})[3]
    fim = asker.renderer.fim
    assert fim is not None
    assert question.own_ids[:3] == [asker.renderer.tokenizer.bos_id, fim.prefix, fim.suffix]
    assert question.psm_ids[-1] == fim.middle
    assert asker.renderer.tokenizer.decode(question.psm_ids) == f"{TEXT[:-1]} bc\n"


def test_a_warm_up_computes_the_prompt_of_the_next_question(asker: Asker) -> None:
    step = block(range(4)).steps[1]
    warm_up, completion = asker.warm_up(step), asker.completion(step)
    assert (warm_up.max_tokens, warm_up.priority) == (0, Priority.IDLE)
    assert (warm_up.prompt, warm_up.suffix) == (completion.prompt, completion.suffix)
