"""The same keystrokes on each engine. They take turns, block by block, so that a slow minute of the
machine hits all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.blocks import Block, cut
from benchmarks.machine import machine
from benchmarks.measurements import EngineRun, Measurement, compared, summary
from benchmarks.ours import OurEngine, type_block
from benchmarks.peers import Peer
from benchmarks.peers.registry import GENERATE, PEERS, ids_for, open_peers
from benchmarks.questions import MAX_TOKENS, Asker, Question, open_asker
from benchmarks.traces import Place, Trace, places
from model_runtime.config import read_config

FIMBRIA = "fimbria"
UNDRAFTED = "fimbria-undrafted"
OURS = (FIMBRIA, UNDRAFTED)
ENGINES = (*OURS, *PEERS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    spans: which typed characters of the trace. model: its name; folder: where it lies. fixed: our
    engine by itself, every answer of the same length; otherwise the whole way through language
    server and daemon. generate_every: at every how many keystrokes `generate`, which keeps nothing
    between them, is asked.
    """

    trace: Trace
    spans: tuple[range, ...]
    engines: tuple[str, ...]
    model: str
    folder: Path
    fixed: bool = False
    generate_every: int = 1
    max_tokens: int = MAX_TOKENS


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs by engine, with what they were measured on and how."""

    config: Mapping[str, Any]
    runs: Mapping[str, EngineRun]
    places: Sequence[Place] = ()
    """Of the trace's typed characters, by number."""

    def as_json(self) -> dict[str, Any]:
        """Figures of each engine, and ours divided by each other one's."""
        others = {name: run for name, run in self.runs.items() if name != FIMBRIA}
        ours = self.runs.get(FIMBRIA)
        ratios = {name: compared(ours, run) for name, run in others.items()} if ours else {}
        return {
            "config": dict(self.config),
            "engines": {name: summary(run) for name, run in self.runs.items()},
            "ratios": ratios,
            "places": {
                str(place): {name: summary(run) for name, run in self._at(place) if run.measured}
                for place in Place
            },
        }

    def _at(self, place: Place) -> Iterator[tuple[str, EngineRun]]:
        for name, run in self.runs.items():
            numbers = (n for n in run.measured if n < len(self.places) and self.places[n] is place)
            yield name, EngineRun({number: run.measured[number] for number in numbers})


def compare(plan: Plan, console: Console) -> Comparison:
    """Measure. Raises ValueError, RuntimeFailure, ServerEnded."""
    from model_runtime.devices import choose_num_threads

    num_threads = choose_num_threads(read_config(plan.folder))
    config = _config(plan, num_threads)
    asker = open_asker(plan.folder, plan.max_tokens)
    runs = {name: EngineRun({}) for name in plan.engines}
    with ExitStack() as stack:
        ours = stack.enter_context(open_ours(plan, asker, num_threads))
        names = [name for name in plan.engines if name in PEERS]
        peers = stack.enter_context(open_peers(names, plan.folder, num_threads))
        progress = stack.enter_context(Progress(console=console, transient=True))
        task = progress.add_task("keystrokes", total=sum(map(len, plan.spans)))
        for block in cut(plan.trace, plan.spans):
            for name, run in take_turns(block, ours, peers, asker, plan.generate_every):
                runs[name] += run
            progress.advance(task, len(block.keys))
    return Comparison(config, runs, places(plan.trace))


def take_turns(
    block: Block,
    ours: Mapping[str, OurEngine],
    peers: Mapping[str, Peer],
    asker: Asker,
    generate_every: int,
) -> Iterator[tuple[str, EngineRun]]:
    """Run a block on each engine, ours first; yields as soon as one is done."""
    measured: Mapping[int, Measurement] = {}
    for name, engine in ours.items():
        run = type_block(engine, block)
        measured = measured or run.measured
        yield name, run
    questions = questions_of(block, asker, measured) if peers else []
    for name, peer in peers.items():
        if block.warm_up and name != GENERATE:
            warm_up = asker.question(block.first - 1, block.warm_up, asker.max_tokens)
            peer.answer(ids_for(name, warm_up), warm_up.num_tokens)
        asked = questions[:: generate_every if name == GENERATE else 1]
        yield (
            name,
            EngineRun({q.number: peer.answer(ids_for(name, q), q.num_tokens) for q in asked}),
        )


def questions_of(block: Block, asker: Asker, measured: Mapping[int, Measurement]) -> list[Question]:
    """What the peers are asked: our prompts, and as many tokens as ours generated.

    Where ours answered without the model, as many as at the key before. measured: ours; where it
    was not asked at all, as many as allowed. Raises ValueError if ours made other prompts.
    """
    questions = []
    num_tokens = asker.max_tokens
    for number, step in block.keys.items():
        ours = measured.get(number)
        num_tokens = (ours and ours.completion_tokens) or num_tokens
        question = asker.question(number, step, num_tokens)
        if ours and ours.prompt_tokens not in (0, len(question.own_ids)):
            raise ValueError(
                f"our prompt had {ours.prompt_tokens} tokens, {len(question.own_ids)} were "
                "expected: the engines would not be comparable"
            )
        questions.append(question)
    return questions


@contextmanager
def open_ours(plan: Plan, asker: Asker, num_threads: int) -> Iterator[dict[str, OurEngine]]:
    """Start those of our engines that the plan names."""
    names = [name for name in plan.engines if name in OURS]
    with ExitStack() as stack:
        if not plan.fixed:
            yield {name: _open_resident(plan, num_threads, stack) for name in names}
            return
        from benchmarks.in_process import in_process_engine

        yield {
            name: stack.enter_context(
                in_process_engine(plan.folder, asker, num_threads, speculate=name == FIMBRIA)
            )
            for name in names
        }


def _open_resident(plan: Plan, num_threads: int, stack: ExitStack) -> OurEngine:
    from benchmarks.resident import resident_engine

    engine = stack.enter_context(resident_engine(plan.folder, plan.max_tokens, num_threads))
    engine.editor.open(Path("/trace") / plan.trace.name, plan.trace.start)
    return engine


def _config(plan: Plan, num_threads: int) -> dict[str, Any]:
    return {
        "trace": plan.trace.name,
        "keystrokes": sum(map(len, plan.spans)),
        "of_keystrokes": plan.trace.num_typed,
        "spans": [[span.start, span.stop] for span in plan.spans],
        "fixed": plan.fixed,
        "generate_every": plan.generate_every,
        "max_tokens": plan.max_tokens,
        "model": plan.model,
        "dtype": "float32",
        "device": "cpu",
        "threads": num_threads,
        **machine(),
    }
