"""The load measurement's figures, for programs and as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measurements import percentiles
from benchmarks.report import joined, setting, table
from benchmarks.typists import Outcomes

Json = Mapping[str, Any]

_RECORDED = """
- Keys come when the recording says so, whether the engine keeps up or not; a key aborts what was
  asked at the one before. So an engine that is too slow answers few keys, and those whose pause was
  long: read answer times together with the share of keys answered. Pauses of the recording longer
  than {longest_pause_s:g} s are cut to that.
"""

_PATIENT = """
- Nobody types on before the answer is there, and everybody does so at once: what the engine can
  answer at most.
"""

_NOTES = """
- Everybody is answered once, uncounted, before the clock starts.
- Answers end where the model ends them, after 24 tokens at the latest; they need not be equally
  long, since only `fimbria` heals tokens that the cursor stands in. `generate-cached` always
  generates 24.
- First token: when the client gets the first piece of text; `generate-cached` tells when it had it.
- `fimbria` runs in a process of its own, the typists in another, on the same processor; after a
  change that is no typed character it is sent a warm-up, which gives way to everything else.
- `continuous-batching`: transformers' ContinuousBatchingManager in the typists' process, on a
  thread of its own, with pages of 256 tokens, shared prefixes, 512 tokens a batch, and pages for
  everybody's whole context. An aborted request is cancelled with its `cancel_request`.
- `generate-cached`: one request after the other on one `DynamicCache`; what has begun is ended.
"""


def figures(engine: str, num_typists: int, outcomes: Outcomes, seconds: float) -> dict[str, Any]:
    """Sum up one point. Times are of the keys that were answered."""
    answers = outcomes.answers
    told = [answer for answer in answers if answer.cached_tokens is not None]
    prompt_tokens = sum(answer.prompt_tokens for answer in told)
    cached_tokens = sum(answer.cached_tokens or 0 for answer in told)
    return {
        "engine": engine,
        "typists": num_typists,
        "keys": outcomes.num_keys,
        "answered": len(answers),
        "aborted": outcomes.num_aborted,
        "unfinished": outcomes.num_unfinished,
        "reused_share": round(cached_tokens / prompt_tokens, 4) if prompt_tokens else None,
        "answers_per_s": round(len(answers) / seconds, 2),
        "tokens_per_s": round(sum(a.completion_tokens for a in answers) / seconds, 1),
        "ttft_ms": percentiles([a.ttft_ms for a in answers]) if answers else {},
        "answer_ms": percentiles([a.answer_ms for a in answers]) if answers else {},
    }


def load_markdown(result: Json, plot: Path | None = None) -> str:
    """Return the table with the machine and what the columns mean, and a link to the plot."""
    config = result["config"]
    pace = "patient" if config["patient"] else f"{config['speed']:g} × the recorded speed"
    notes = (_PATIENT if config["patient"] else _RECORDED) + _NOTES
    parts = [
        [f"# Several people typing, {config['date']}"],
        [
            f"{config['trace']}, {pace}, {config['seconds']:g} s each, up to "
            f"{config['max_tokens']} tokens, greedy.",
            *setting(config),
        ],
        table(
            "engine | typists | keys | answered | aborted | answers/s | tokens/s | reused | "
            "first token ms p50 / p95 / p99 | answer ms p50 / p95 / p99",
            (_row(point) for point in result["points"]),
        ),
        [f"- {engine} did not run: {why}" for engine, why in result["failures"].items()],
        [f"![Answer times and answers per second by number of typists]({plot.name})"]
        if plot
        else [],
        [line for line in notes.format(**config).split("\n") if line],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def load_stem(config: Json) -> str:
    """Name of the result's files without their ending."""
    parts = [config["date"], "load", config["trace"]]
    if config["model"] != "starter":
        parts.append(Path(config["model"]).name.replace(":", "-"))
    if config["patient"]:
        parts.append("patient")
    return "-".join(parts)


def _row(point: Json) -> list[str]:
    share, keys = point["reused_share"], point["keys"]
    return [
        point["engine"],
        str(point["typists"]),
        str(keys),
        f"{point['answered'] / keys:.0%}" if keys else "–",
        str(point["aborted"]),
        f"{point['answers_per_s']:.1f}",
        f"{point['tokens_per_s']:.0f}",
        "not told" if share is None else f"{share:.1%}",
        joined(point["ttft_ms"], 0) or "–",
        joined(point["answer_ms"], 0) or "–",
    ]
