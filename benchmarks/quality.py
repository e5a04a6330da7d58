"""What a model's answers are worth, measured on places whose right answer is known.

    python benchmarks/quality.py layouts     prompt orders, with and without token healing
    python benchmarks/quality.py cache       weights of the cache language model
    python benchmarks/quality.py snippets    pieces of other files of the same project
    python benchmarks/quality.py calibrate   thresholds for showing a suggestion
    python benchmarks/quality.py languages   what is shown in other languages than Python

`calibrate --model FOLDER --files DIR` works for any model folder and any folder of source files.
Nothing here measures time, and no generated program is run.
"""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import quality_report as report
from benchmarks.quality_answers import EngineAnswers, open_direct
from benchmarks.quality_cache import Scope, Setting, Trial, looked_up, mixing, try_settings
from benchmarks.quality_calibration import USED, Calibration, calibrate, outcomes, split_by_file
from benchmarks.quality_items import (
    documents_in,
    halves,
    held_out_documents,
    random_spans,
    rests_of_lines,
    single_lines,
)
from benchmarks.quality_languages import (
    documents_by_language,
    language_record,
    languages_report,
    try_language,
    wrong_ones,
)
from benchmarks.quality_layouts import CACHED_VARIANTS, PLAIN_VARIANTS, compare_layouts
from benchmarks.quality_snippets import projects_of, try_snippets
from model_runtime.api import RuntimeFailure
from model_runtime.config import read_config
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.models import resolve_model
from model_runtime.ngrams import CacheWeights
from training.corpus.build import Document
from training.evaluation.run import stored_overlap
from training.evaluation.scoring import (
    Task,
    random_span_task,
    rest_of_line_task,
    single_line_task,
)
from training.folders import BENCHMARK_FOLDER, default_state_folder

RESULTS = Path(__file__).parent / "results"
WEIGHTS, HALF_LENGTHS, HALF_LIVES = (0.5, 0.7, 0.85, 0.95), (2.0, 3.0, 5.0, 8.0), (2048.0, 1e4)

app = typer.Typer(help=__doc__, no_args_is_help=True)

Model = Annotated[str, typer.Option(help="starter, or a model folder.")]
Files = Annotated[
    Path | None, typer.Option(help="Folder of source files; else the starter's held-out files.")
]
Places = Annotated[int, typer.Option(min=40, help="How many places to complete.")]
Results = Annotated[Path, typer.Option(help="Folder for the results.")]


@app.command()
def layouts(
    model: Model = "starter",
    files: Files = None,
    data: Annotated[Path, typer.Option(help="Benchmark files.")] = BENCHMARK_FOLDER,
    places: Places = 300,
    results: Results = RESULTS,
) -> None:
    """Compare the prompt orders, each with and without token healing."""
    tasks = [_one_line(rest_of_line_task(rests_of_lines(_documents(files), places)))]
    if data.is_dir():
        tasks.append(_one_line(single_line_task(single_lines(data, places))))
        tasks.append(random_span_task(random_spans(data, places)))
    folder = resolve_model(model)
    answers, weights = open_direct(folder), read_config(folder).habits.cache
    variants = [*PLAIN_VARIANTS, *(CACHED_VARIANTS if weights.weight else ())]
    rows = list(compare_layouts(answers, tasks, variants, mixing(answers.renderer, weights)))
    lines = [f"# Prompt layouts, {_today()}", "", f"Model {model}.", *_overlap(data), ""]
    _write(
        results / f"{_today()}-quality-layouts",
        [*lines, *report.layouts_table(rows)],
        {"model": model, "rows": [report.row_record(row) for row in rows]},
    )


@app.command()
def cache(
    model: Model = "starter", files: Files = None, places: Places = 600, results: Results = RESULTS
) -> None:
    """Find the cache language model's weights on one half of the places, check on the other."""
    task = _one_line(rest_of_line_task(rests_of_lines(_documents(files), places)))
    one, other = (replace(task, items=half) for half in halves(task.items))
    answers = open_direct(resolve_model(model))
    tried = try_settings(answers, one, list(_grid()))
    chosen = [tried[0].setting, *_best_of_each_scope(tried), Setting(CacheWeights(), Scope.PROMPT)]
    checked = try_settings(answers, other, list(dict.fromkeys(chosen)))
    lines = [f"# Cache language model, {_today()}", "", f"Model {model}, rest of a line.", ""]
    lines += [f"Chosen on {len(one.items)} places:", "", *report.cache_table(tried), ""]
    lines += [f"Checked on {len(other.items)} others:", "", *report.cache_table(checked)]
    lines.append(report.floor_line(looked_up(other)))
    _write(
        results / f"{_today()}-quality-cache",
        lines,
        {"model": model, "tried": list(map(asdict, tried)), "checked": list(map(asdict, checked))},
    )


@app.command()
def snippets(
    model: Model = "starter", files: Files = None, places: Places = 400, results: Results = RESULTS
) -> None:
    """Compare answers with and without pieces of other files, which a cache model copies from."""
    projects = projects_of(_documents(files))
    task = _one_line(rest_of_line_task(rests_of_lines(projects.documents, places)))
    folder = resolve_model(model)
    trials = try_snippets(open_direct(folder), task, projects, read_config(folder).habits)
    of = f", of {files.name}" if files else ", held-out packages"
    lines = [f"# Snippets, {_today()}", "", f"Model {model}, rest of a line{of}.", ""]
    lines += report.snippets_table(trials)
    name = f"{_today()}-quality-snippets" + (f"-{files.name}" if files else "")
    _write(results / name, lines, {"model": model, "trials": list(map(asdict, trials))})


@app.command(name="calibrate")
def calibrate_command(
    model: Model = "starter",
    files: Files = None,
    places: Places = 2000,
    target: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of what is shown, so much is exactly right.")
    ] = 0.4,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    results: Results = RESULTS,
) -> None:
    """Find the threshold above which a suggestion is worth showing, and check it."""
    folder = resolve_model(model)
    items = rests_of_lines(_documents(files), places)
    engine = load_engine(folder, LoadOptions(device=device))
    try:
        found = outcomes(EngineAnswers(engine), items, engine.info)
    finally:
        engine.close()
    one, other = split_by_file(found)
    calibrations = calibrate(one, other, target)
    lines = [f"# Calibration, {_today()}", "", f"Model {model}, rest of a line.", ""]
    lines += [*report.calibration_table(calibrations), "", *report.steps_table(found), ""]
    lines += [*report.habits_table(found, calibrations[0].threshold), ""]
    lines += advice(calibrations, target)
    name = results / f"{_today()}-quality-calibration"
    _write(
        name, lines, {"model": model, "target": target, "found": list(map(asdict, calibrations))}
    )
    report.draw(other, calibrations[0], target, name.with_suffix(".svg"))


@app.command()
def languages(
    files: Annotated[Path, typer.Option(help="Folder of texts in several languages.")],
    home: Annotated[
        Path | None, typer.Option(help="Folder of Python files; else the starter's held-out files.")
    ] = None,
    model: Model = "starter",
    places: Annotated[
        int,
        typer.Option(min=5, help="How many places in each language; in Python four times as many."),
    ] = 100,
    results: Results = RESULTS,
) -> None:
    """Compare what is shown in Python with what is shown in other languages."""
    documents = {**documents_by_language(files), "python": _documents(home)}
    num_places = dict.fromkeys(documents, places) | {"python": 4 * places}
    engine = load_engine(resolve_model(model), LoadOptions(device="cpu"))
    try:
        answers, info = EngineAnswers(engine), engine.info
        tried = [
            try_language(answers, language, documents[language], num_places[language], info)
            for language in sorted(documents)
        ]
    finally:
        engine.close()
    lines = [f"# Languages, {_today()}", "", f"Model {model}, rest of a line.", ""]
    _write(
        results / f"{_today()}-quality-languages",
        [*lines, *languages_report(tried, info)],
        {"model": model, "languages": [language_record(one, info) for one in tried]},
    )
    # To be looked at only: the texts are other people's.
    sys.stdout.writelines(f"{line}\n" for one in tried for line in wrong_ones(one, info))


def advice(calibrations: Sequence[Calibration], target: float) -> list[str]:
    """What to write into the model's config.json."""
    used = next(c for c in calibrations if c.statistic == USED)
    if math.isinf(used.threshold):
        return [f"No threshold makes {target:.0%} of what is shown exactly right."]
    return [
        f'In config.json: `{{"fimbria": {{"min_mean_logprob": {used.threshold:.2f}}}}}`. On the '
        f"half it was not chosen on, {used.checked_on.shown_share:.1%} of the requests still show "
        f"something, and {used.checked_on.precision:.1%} of that is exactly right."
    ]


def _grid() -> Iterator[Setting]:
    yield Setting(CacheWeights(), Scope.PROMPT)
    for scope, weight, half_length, half_life in product(Scope, WEIGHTS, HALF_LENGTHS, HALF_LIVES):
        weights = CacheWeights(weight=weight, half_length=half_length, half_life=half_life)
        yield Setting(weights, scope)


def _best_of_each_scope(trials: Sequence[Trial]) -> list[Setting]:
    return [next(t.setting for t in trials if t.setting.scope is scope) for scope in Scope]


def _one_line(task: Task) -> Task:
    return replace(task, stop=("\n",))


def _documents(files: Path | None) -> list[Document]:
    return documents_in(files) if files else held_out_documents(default_state_folder())


def _overlap(data: Path) -> list[str]:
    state = default_state_folder()
    known = data.is_dir() and (state.corpus / "summary.json").exists()
    return [report.overlap_line(stored_overlap(state, data))] if known else []


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _write(name: Path, lines: Sequence[str], content: dict[str, Any]) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    name.with_suffix(".md").write_text(text, encoding="utf-8")
    report.write_json(content, name.with_suffix(".json"))
    sys.stdout.write(text)


def main() -> None:
    """Run a command; a failure is told in one line."""
    try:
        app()
    except (OSError, ValueError, RuntimeFailure) as error:
        sys.stderr.write(f"quality: {error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
