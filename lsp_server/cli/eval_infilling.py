"""`fimbria eval infilling`: the HumanEval infilling benchmarks on any model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lsp_server.cli.errors import error_of
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
from model_runtime.evaluation import Answer, Published, Score, published, score
from model_runtime.evaluation_items import Benchmark, Item, benchmark_of, fetch, read_items
from model_runtime.places import DaemonSpec

_LINE_TOKENS, _BLOCK_TOKENS = 128, 512
_Tick = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that a figure depends on. layout: the one used; auto is resolved."""

    benchmark: str
    data: str
    limit: int | None
    model: str
    adapter: str
    device: str
    dtype: str
    layout: str
    heal: bool
    max_tokens: int
    executed: bool


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
    try:
        if execute:
            _prove_sandbox()
        file = data.expanduser() if data else fetch(benchmark, _folder_of_downloads())
        items = read_items(file, limit)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    found = benchmark_of(file)
    longest = max_tokens or (_LINE_TOKENS if _are_lines(items) else _BLOCK_TOKENS)

    async def answers(runtime: Runtime) -> tuple[ModelInfo, list[Answer]]:
        info = await runtime.info()
        with _bar("Asking", len(items)) as tick:
            return info, [
                await _answer(runtime, info, _request(item, layout, longest, heal=heal), item, tick)
                for item in items
            ]

    spec = DaemonSpec(
        model=model,
        device=device,
        dtype=dtype,
        kv_memory=kv_memory,
        adapter=adapter,
        context_length=context_length,
        family=family,
    )
    info, given = with_runtime(ctx.obj, spec, answers)
    used = info.layouts[0] if layout is Layout.AUTO and info.layouts else layout
    result = _scored(items, given, execute=execute)
    configuration = Configuration(
        benchmark=found.value if found else file.name,
        data=str(file),
        limit=limit,
        model=info.id,
        adapter=adapter,
        device=info.device,
        dtype=info.dtype,
        layout=used.value,
        heal=heal,
        max_tokens=longest,
        executed=execute,
    )
    figures = published(found, used)
    if as_json:
        typer.echo(json.dumps(report_json(configuration, result, figures), ensure_ascii=False))
        return
    _show(configuration, result, figures)


def report_json(
    configuration: Configuration, result: Score, figures: Sequence[Published]
) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        **asdict(result),
        "configuration": asdict(configuration),
        "published": [asdict(figure) for figure in figures],
    }


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


def _request(item: Item, layout: Layout, max_tokens: int, *, heal: bool) -> CompletionRequest:
    return CompletionRequest(
        prompt=item.prefix, suffix=item.suffix, max_tokens=max_tokens, layout=layout, heal=heal
    )


async def _answer(
    runtime: Runtime, model: ModelInfo, request: CompletionRequest, item: Item, tick: _Tick
) -> Answer:
    completion = await runtime.complete(request)
    tick()
    ended = completion.finish_reason is FinishReason.STOP
    shown = shown_text(completion.text, item, model, cut_short=not ended)
    return Answer(completion.text, shown, ended)


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


def _show(configuration: Configuration, result: Score, figures: Sequence[Published]) -> None:
    from rich import box
    from rich.table import Table

    console = Console()
    one = configuration
    model = f"{one.model} with {one.adapter}" if one.adapter else one.model
    facts = f"{model} · {one.dtype} on {one.device} · {one.layout}"
    facts += "" if one.heal else " without token healing"
    console.print(f"[bold]{one.benchmark}[/bold]  {facts} · {result.num_items} tasks, greedy")
    low, high = result.exact_match_interval
    rows = [
        ("exact match", f"{result.exact_match:.1%}", f"95 %: {low:.1%} to {high:.1%}"),
        ("  as an editor shows it", f"{result.exact_match_as_shown:.1%}", ""),
        ("  of the first line", f"{result.exact_match_first_line:.1%}", ""),
        ("edit similarity", f"{result.edit_similarity:.3f}", "1 − Levenshtein / longer text"),
        ("  as an editor shows it", f"{result.edit_similarity_as_shown:.3f}", ""),
        ("ended by the model", f"{result.ended:.1%}", f"else cut at {one.max_tokens} tokens"),
        ("pass@1", "—" if result.pass_at_1 is None else f"{result.pass_at_1:.1%}", _executed(one)),
    ]
    table = Table(box=box.SIMPLE, show_header=False)
    for row in rows:
        table.add_row(row[0], row[1], f"[dim]{row[2]}[/dim]")
    for figure in figures:
        table.add_row(
            f"[dim]{figure.what}[/dim]",
            f"[dim]{figure.value}%[/dim]",
            f"[dim]{figure.source}[/dim]",
        )
    console.print(table)


def _executed(configuration: Configuration) -> str:
    return "" if configuration.executed else "not executed; --execute runs it in a sandbox"
