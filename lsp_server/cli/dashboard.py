"""How `fimbria status` looks: a block per daemon, and a line per daemon where there is no terminal
to draw on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lsp_server.cli.summary import (
    SILENT,
    ChatSummary,
    EngineSummary,
    Percentiles,
    RequestSummary,
    SlotSummary,
    Summary,
)
from model_runtime.models import model_name

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_BARS = 16
NUM_RECENT = 8
NO_DAEMON = "No daemon is running. The first completion starts one."

_FAILED = "failed"
_STATE_STYLES = {"ready": "green", "loading": "yellow", _FAILED: "red", SILENT: "red"}
_BARS = "▁▂▃▄▅▆▇█"
_EMPTY_SLOT = "·"
_SEPARATOR = " · "
_OPEN = "auto"


def overview(daemons: Sequence[Summary]) -> RenderableType:
    """Everything about all daemons."""
    if not daemons:
        return Text(NO_DAEMON)
    parts: list[RenderableType] = []
    for daemon in daemons:
        parts += [Text(""), *_block(daemon)] if parts else _block(daemon)
    return Group(*parts)


def one_line(daemon: Summary) -> str:
    """A daemon in one line, for logs."""
    parts = [f"{daemon.model} {daemon.state}", *_asked(daemon), *_in_short(daemon.engine)]
    if daemon.chat is not None:
        parts += [f"chat: {daemon.chat.model} {daemon.chat.state}", *_in_short(daemon.chat.engine)]
    return _SEPARATOR.join(parts)


def slot_bars(slots: Iterable[SlotSummary], capacity: int) -> Text:
    """A small bar for each slot, as high as it is full; bright where a request uses it."""
    bars = Text()
    for slot in slots:
        bar = _BARS[min(len(_BARS) * slot.len // max(1, capacity), len(_BARS) - 1)]
        bars.append(bar if slot.len else _EMPTY_SLOT, "bold green" if slot.pinned else "")
    return bars


def _block(daemon: Summary) -> Iterator[RenderableType]:
    yield _headline(daemon)
    if asked := _SEPARATOR.join(_asked(daemon)):
        yield Text.assemble(("  Asked for       ", "dim"), asked)
    if daemon.error:
        yield Text(f"  {daemon.error['message']} {daemon.error['hint']}".rstrip(), "red")
    if daemon.engine is None:
        return
    yield _facts(daemon, daemon.engine)
    if daemon.chat is not None:
        yield _chat_line(daemon.chat)
    if daemon.engine.recent:
        yield _requests_table(daemon.engine.recent[-NUM_RECENT:])


def _asked(daemon: Summary) -> Iterator[str]:
    """What was not left open: by this, daemons of one model differ."""
    asked = daemon.asked
    if asked.device != _OPEN:
        yield f"device {asked.device}"
    if asked.dtype != _OPEN:
        yield f"dtype {asked.dtype}"
    if asked.adapter:
        yield f"adapter {model_name(Path(asked.adapter))}"
    if asked.family:
        yield f"family {asked.family}"
    if asked.context_length:
        yield f"context {asked.context_length:,}"


def _chat_line(chat: ChatSummary) -> Text:
    line = Text.assemble(("  Chat model      ", "dim"), f"{chat.model} ", _styled(chat.state))
    for part in _in_short(chat.engine):
        line.append(f"{_SEPARATOR}{part}")
    if chat.error:
        line.append(f"\n  {chat.error['message']} {chat.error['hint']}".rstrip(), "red")
    return line


def _headline(daemon: Summary) -> Text:
    line = Text.assemble((daemon.model, "bold"), " ", _styled(daemon.state))
    line.append(f"{_SEPARATOR}{daemon.device} {daemon.dtype}{_SEPARATOR}process {daemon.pid}")
    if daemon.memory_mib is not None:
        line.append(f", {daemon.memory_mib} MiB")
    if daemon.uptime_s is not None:
        line.append(f"{_SEPARATOR}up {duration(daemon.uptime_s)}")
    if daemon.state == _FAILED:
        line.append(", about to end")
    elif daemon.idle_s is not None:
        line.append(f", idle {duration(daemon.idle_s)}{_end_of(daemon)}")
    return line


def _styled(state: str) -> tuple[str, str]:
    return state, _STATE_STYLES.get(state, "")


def _end_of(daemon: Summary) -> str:
    return f" of {duration(daemon.idle_timeout_s)}" if daemon.idle_timeout_s else ""


def _facts(daemon: Summary, engine: EngineSummary) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    for name, fact in _named_facts(daemon, engine):
        grid.add_row(f"  {name}", fact)
    return grid


def _named_facts(daemon: Summary, engine: EngineSummary) -> Iterator[tuple[str, RenderableType]]:
    yield (
        "Requests",
        _SEPARATOR.join(
            f"{number:,} {what}"
            for number, what in (
                (engine.requests, "asked"),
                (engine.aborted, "aborted"),
                (engine.running, "running"),
                (engine.queued, "queued"),
            )
        ),
    )
    if engine.prompt_tokens:
        yield "Prompt tokens", _reuse(engine)
    if engine.steps:
        yield "Tokens written", _writing(engine)
    if times := list(_times(engine)):
        yield "p50/p95 ms", _SEPARATOR.join(times)
    if daemon.kernels:
        yield "Computed by", daemon.kernels
    if engine.slots:
        yield "KV cache", _kv_line(daemon, engine)


def _reuse(engine: EngineSummary) -> str:
    return (
        f"{_share(engine.cached_tokens, engine.prompt_tokens)} reused = "
        f"{engine.cached_tokens:,} cached of {engine.prompt_tokens:,}"
    )


def _writing(engine: EngineSummary) -> str:
    written = f"{engine.completion_tokens:,} in {engine.steps:,} steps"
    if not engine.draft_tokens:
        return written
    return (
        f"{written} · {_share(engine.accepted_tokens, engine.draft_tokens)} of drafts right = "
        f"{engine.accepted_tokens:,} of {engine.draft_tokens:,}"
    )


def _times(engine: EngineSummary) -> Iterator[str]:
    named = {
        "queue": engine.queue_ms,
        "first": engine.first_token_ms,
        "answer": engine.answer_ms,
        "step": engine.step_ms,
    }
    for name, times in named.items():
        if times is not None:
            yield f"{name} {_pair(times)}"


def _kv_line(daemon: Summary, engine: EngineSummary) -> Text:
    shown = engine.slots
    if len(shown) > _MOST_BARS:  # the empty ones tell nothing that the numbers do not
        shown = tuple(slot for slot in shown if slot.len or slot.pinned)[:_MOST_BARS]
    line = slot_bars(shown, daemon.context_length or 0)
    num_held = sum(1 for slot in engine.slots if slot.len)
    line.append(f"  {num_held} of {len(engine.slots)} slots")
    if engine.kv_bytes_total:
        line.append(f", {size(engine.kv_bytes_used)} of {size(engine.kv_bytes_total)}")
    return line


def _requests_table(recent: Sequence[RequestSummary]) -> Padding:
    """Newest first: where the screen is too short, the oldest ones are cut off."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("Ended", "Priority"):
        table.add_column(name, no_wrap=True)
    for name in ("Prompt", "New", "Written", "Drafts", "Queue", "First", "Total ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for request in reversed(recent):
        table.add_row(
            request.reason,
            request.priority,
            str(request.prompt_tokens),
            str(request.prompt_tokens - request.cached_tokens),
            str(request.completion_tokens),
            f"{request.accepted_tokens}/{request.draft_tokens}" if request.draft_tokens else "",
            *map(_ms, (request.queue_ms, request.first_token_ms, request.total_ms)),
        )
    return Padding(table, (1, 0, 0, 2))


def _in_short(engine: EngineSummary | None) -> Iterator[str]:
    if engine is None:
        return
    yield f"{engine.requests} asked, {engine.running} running, {engine.queued} queued"
    if engine.prompt_tokens:
        yield f"{_share(engine.cached_tokens, engine.prompt_tokens)} of the prompts reused"
    if engine.draft_tokens:
        yield f"{_share(engine.accepted_tokens, engine.draft_tokens)} of the drafts right"
    if engine.step_ms is not None:
        yield f"step {_pair(engine.step_ms)} ms"
    if engine.kv_bytes_total:
        yield f"KV cache {size(engine.kv_bytes_used)} of {size(engine.kv_bytes_total)}"


def duration(seconds: float) -> str:
    """Whole seconds below an hour, whole minutes above."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    if minutes and seconds:
        return f"{minutes}m{seconds:02}s"
    return f"{minutes}m" if minutes else f"{seconds}s"


def size(num_bytes: float) -> str:
    """In MiB, or GiB from one on."""
    mib = num_bytes / 2**20
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"


def _pair(times: Percentiles) -> str:
    return f"{_ms(times.p50)}/{_ms(times.p95)}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"
