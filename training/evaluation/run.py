"""The whole evaluation of one model folder, as a record to be stored."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

from model_runtime.evaluation_sandbox import prove
from training.corpus.build import Document, load_split
from training.evaluation import floors
from training.evaluation.completer import Answer, Completer, EngineCompleter
from training.evaluation.overlap import Overlap, benchmark_texts, measure_overlap
from training.evaluation.scoring import (
    Score,
    Task,
    random_span_task,
    rest_of_line_task,
    run_task,
    score,
    single_line_task,
)
from training.evaluation.tasks import (
    Item,
    random_span_items,
    rest_of_line_items,
    single_line_items,
)
from training.export import read_folder
from training.folders import StateFolder, write_text
from training.heldout import held_out_batches
from training.politeness import wait_while_exists
from training.tokenizer import Tokenizer

NUM_REST_OF_LINE = 200
SAMPLE_SEED = 3

Record = dict[str, object]


@dataclass(frozen=True)
class Options:
    """What to evaluate: `limit` takes that many items of each task, chosen once and for all."""

    model_folder: Path
    benchmark_folder: Path
    limit: int | None = None
    execute: bool = False


def evaluate(state: StateFolder, options: Options, console: Console) -> Record:
    """Everything there is to say about a model folder; tasks without their files are left out."""
    unseen = [*load_split(state.corpus, "val_in"), *load_split(state.corpus, "val_out")]
    if options.execute:
        prove()
    tasks = list_tasks(options, unseen)
    with EngineCompleter(options.model_folder) as completer:
        scores = _run_tasks(state, tasks, completer, options.execute, console)
    record: Record = {
        "limit": options.limit,
        "executed": options.execute,
        "held_out": _held_out_losses(state, options.model_folder),
        "scores": {name: asdict(found) for name, found in scores.items()},
        "floors": _floors(tasks, options),
    }
    if options.benchmark_folder.exists():
        record["overlap"] = asdict(stored_overlap(state, options.benchmark_folder))
    return record


def list_tasks(options: Options, unseen: Sequence[Document]) -> list[Task]:
    """The tasks whose data are there, cut down to the limit."""
    tasks = [rest_of_line_task(rest_of_line_items(unseen, options.limit or NUM_REST_OF_LINE))]
    if options.benchmark_folder.exists():
        single = _sampled(single_line_items(options.benchmark_folder), options.limit)
        spans = _sampled(random_span_items(options.benchmark_folder), options.limit)
        tasks += [single_line_task(single), random_span_task(spans)]
    return tasks


def stored_overlap(state: StateFolder, benchmark_folder: Path) -> Overlap:
    """The 10-gram overlap of corpus and benchmarks: measured once for a corpus, then kept."""
    path = state.corpus / "overlap.json"
    if not path.exists():
        documents = load_split(state.corpus, "train")
        found = asdict(measure_overlap(documents, benchmark_texts(benchmark_folder)))
        write_text(path, json.dumps(found))
    record = json.loads(path.read_text())
    return Overlap(**{**record, "examples": tuple(record["examples"])})


def save_record(state: StateFolder, name: str, record: Record) -> Path:
    """Store a record under the name of what was evaluated."""
    path = state.results / f"{name}.json"
    write_text(path, json.dumps(record, indent=1))
    return path


def _sampled(items: list[Item], limit: int | None) -> list[Item]:
    if limit is None or limit >= len(items):
        return items
    return random.Random(SAMPLE_SEED).sample(items, limit)


def _run_tasks(
    state: StateFolder, tasks: Sequence[Task], completer: Completer, execute: bool, console: Console
) -> dict[str, Score]:
    scores = {}
    with Progress(console=console) as progress:
        for task in tasks:
            bar = progress.add_task(task.name, total=len(task.items))

            def tick(bar: TaskID = bar) -> None:
                progress.advance(bar)
                wait_while_exists(state.pause_file)

            scores[task.name] = run_task(task, completer, execute=execute, tick=tick)
    return scores


def _held_out_losses(state: StateFolder, model_folder: Path) -> dict[str, float]:
    model = read_folder(model_folder)
    batches = held_out_batches(
        load_split(state.corpus, "val_in"),
        load_split(state.corpus, "val_out"),
        Tokenizer(model_folder / "tokenizer.model"),
        row_len=model.shape.context,
    )
    return batches.losses(model)


def _floors(tasks: Sequence[Task], options: Options) -> dict[str, float | None]:
    """What can be had without a model on the same items."""
    found: dict[str, float | None] = {"single_line_four_gram": floors.FOUR_GRAM_EXACT_MATCH}
    for task in tasks:
        if task.name == "rest_of_line":
            answers = [Answer(floors.lookup_rest_of_line(i.hole), True) for i in task.items]
            looked_up = score(task, answers, execute=False)
            found["rest_of_line_lookup"] = looked_up.exact_shown
            found["rest_of_line_lookup_similarity"] = looked_up.edit_similarity
            found["rest_of_line_lookup_parses"] = looked_up.parses
        elif task.name == "single_line":
            hits = [floors.copyable(item) for item in task.items]
            found["single_line_copy_oracle"] = sum(hits) / len(hits)
            nothing = [Answer("", True)] * len(task.items)
            deleted = score(task, nothing, execute=options.execute)
            found["single_line_deleted_passes"] = deleted.passed
    return found
