"""`fimbria eval infilling`: the HumanEval infilling benchmarks on any model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lsp_server.cli.errors import error_of
from lsp_server.cli.eval_report import Configuration, report_json, show_report
from lsp_server.cli.options import (
    AdapterOption,
    ContextLengthOption,
    DeviceOption,
    DtypeOption,
    FamilyOption,
    HealOption,
    JsonOption,
    KvMemoryOption,
    ModelOption,
)
from lsp_server.cli.session import with_runtime
from lsp_server.context.windows import cursor_context
from lsp_server.postprocess import Rejected, stop_strings, worth_showing
from lsp_server.source_text import SourceText
from model_runtime.api import (
    CompletionRequest,
    FinishReason,
    Layout,
    ModelInfo,
    Runtime,
    RuntimeFailure,
)
from model_runtime.evaluation import Answer, Score, published, score
from model_runtime.evaluation_items import Benchmark, Item, benchmark_of, fetch, read_items
from model_runtime.places import DaemonSpec

_LINE_TOKENS, _BLOCK_TOKENS = 128, 512
_Tick = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What the model is asked, and how."""

    file: Path
    items: Sequence[Item]
    limit: int | None
    max_tokens: int
    layout: Layout
    heal: bool
    execute: bool

    @property
    def benchmark(self) -> Benchmark | None:
        """Which one it is; None for a file of another name."""
        return benchmark_of(self.file)


def infilling(  # noqa: PLR0913, PLR0917 - one parameter per option
    ctx: typer.Context,
    model: ModelOption = "starter",
    layout: Annotated[Layout, typer.Option(help="Order of the prompt's parts.")] = Layout.AUTO,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A HumanEval infilling file (.jsonl or .jsonl.gz); else it is downloaded.",
        ),
    ] = None,
    benchmark: Annotated[
        Benchmark, typer.Option(help="Which one to download when no file is named.")
    ] = Benchmark.SINGLE_LINE,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="So many tasks, always the same; else all."),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Longest answer; else 128 for single lines, 512 for the others.",
            show_default=False,
        ),
    ] = None,
    heal: HealOption = True,
    execute: Annotated[
        bool,
        typer.Option(
            "--execute",
            help="Run the programs that come out, for pass@1: in a sandbox that is tried first.",
        ),
    ] = False,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    kv_memory: KvMemoryOption = "auto",
    adapter: AdapterOption = "",
    context_length: ContextLengthOption = 0,
    family: FamilyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Measure infilling on HumanEval: exact match, edit similarity, and with --execute pass@1.

    Prints the Code Llama paper's figures beside, so that a model's layout, tokens and stops can be
    checked. The model's code is executed only with --execute, without network or files, and not
    at all where no sandbox is to be had.
    """
    spec = DaemonSpec(
        model=model,
        device=device,
        dtype=dtype,
        kv_memory=kv_memory,
        adapter=adapter,
        context_length=context_length,
        family=family,
    )
    task = _task(
        data, benchmark, limit, max_tokens=max_tokens, layout=layout, heal=heal, execute=execute
    )
    info, answers = with_runtime(ctx.obj, spec, lambda runtime: _asked(runtime, task))
    result = _scored(task.items, answers, execute=execute)
    configuration = _configuration(task, spec, info)
    figures = published(task.benchmark, Layout(configuration.layout))
    if as_json:
        typer.echo(json.dumps(report_json(configuration, result, figures), ensure_ascii=False))
        return
    show_report(configuration, result, figures)


def _task(  # noqa: PLR0913 - what the options say
    data: Path | None,
    benchmark: Benchmark,
    limit: int | None,
    *,
    max_tokens: int | None,
    layout: Layout,
    heal: bool,
    execute: bool,
) -> _Task:
    """Read the tasks; where answers are to be executed, see first whether they can be. Raises
    CommandError.
    """
    try:
        if execute:
            _prove_sandbox()
        file = data.expanduser() if data else fetch(benchmark, _folder_of_downloads())
        items = read_items(file, limit)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    return _Task(
        file=file,
        items=items,
        limit=limit,
        max_tokens=max_tokens or (_LINE_TOKENS if _are_lines(items) else _BLOCK_TOKENS),
        layout=layout,
        heal=heal,
        execute=execute,
    )


async def _asked(runtime: Runtime, task: _Task) -> tuple[ModelInfo, list[Answer]]:
    info = await runtime.info()
    with _bar("Asking", len(task.items)) as tick:
        return info, [await _answer(runtime, info, task, item, tick) for item in task.items]


def _configuration(task: _Task, spec: DaemonSpec, info: ModelInfo) -> Configuration:
    is_own = task.layout is Layout.AUTO and info.layouts
    return Configuration(
        benchmark=task.benchmark.value if task.benchmark else task.file.name,
        data=str(task.file),
        limit=task.limit,
        model=info.id,
        adapter=spec.adapter,
        device=info.device,
        dtype=info.dtype,
        layout=(info.layouts[0] if is_own else task.layout).value,
        heal=task.heal,
        max_tokens=task.max_tokens,
        executed=task.execute,
    )


def shown_text(raw: str, item: Item, model: ModelInfo, *, cut_short: bool) -> str:
    """What an editor would show of an answer; empty for nothing.

    A task whose answer is whole lines leaves no line for the cursor to be in; in an editor it is on
    an empty one.
    """
    whole_lines = item.middle.endswith("\n")
    text = item.prefix + ("\n" if whole_lines else "") + item.suffix
    context = cursor_context(SourceText.of(text), len(item.prefix))
    ends = [raw.find(stop) for stop in stop_strings(context, single_line=model.single_line)]
    end = min((at for at in ends if at >= 0), default=len(raw))
    worth = worth_showing(raw[:end], context, cut_short=cut_short and end == len(raw))
    return "" if isinstance(worth, Rejected) else worth


async def _answer(
    runtime: Runtime, model: ModelInfo, task: _Task, item: Item, tick: _Tick
) -> Answer:
    completion = await runtime.complete(_request(item, task))
    tick()
    ended = completion.finish_reason is FinishReason.STOP
    shown = shown_text(completion.text, item, model, cut_short=not ended)
    return Answer(completion.text, shown, ended)


def _request(item: Item, task: _Task) -> CompletionRequest:
    return CompletionRequest(
        prompt=item.prefix,
        suffix=item.suffix,
        max_tokens=task.max_tokens,
        layout=task.layout,
        heal=task.heal,
    )


def _scored(items: Sequence[Item], answers: Sequence[Answer], *, execute: bool) -> Score:
    if not execute:
        return score(items, answers, None)
    from model_runtime.evaluation_sandbox import passes

    with _bar("Running", len(items)) as tick:
        return score(items, answers, passes, tick)


def _prove_sandbox() -> None:
    from model_runtime.evaluation_sandbox import prove

    prove()


def _folder_of_downloads() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("fimbria", appauthor=False) / "evaluation"


def _are_lines(items: Sequence[Item]) -> bool:
    return all("\n" not in item.middle.strip("\n") for item in items)


@contextmanager
def _bar(what: str, total: int) -> Iterator[_Tick]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    from rich.progress import MofNCompleteColumn, Progress

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
