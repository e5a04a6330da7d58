"""Results as JSON for programs and as a Markdown table for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_NOTES = """
- `fimbria`: `fimbria lsp` over stdio and its daemon over a Unix socket. A key is one
  `textDocument/didChange` and one `textDocument/inlineCompletion`; the clock runs from writing both
  to having read the answer.
- `generate`: `LlamaForCausalLM.generate` of transformers on the same prompt ids and weights, from
  scratch for each prompt, as many tokens as `fimbria` generated there; the prompt is already
  tokenized when the clock starts.
- First token: for `fimbria` the whole answer's time less the engine's time for the tokens after the
  first (the protocol does not stream), so an upper bound; for `generate` when its streamer gets it.
- New tokens: prompt tokens that had to be computed. Reused: the share that had not.
"""


def markdown(result: dict[str, Any]) -> str:
    """Return the table with the machine and what the columns mean."""
    config, engines = result["config"], result["engines"]
    return "\n".join(
        [
            f"# Keystrokes of {config['trace']}, {config['date']}",
            "",
            *_setting(config),
            "",
            "| engine | keys | reused | new tokens p50 / p95 / p99 | first token ms p50 / p95 / "
            "p99 | answer ms p50 / p95 / p99 |",
            "|---|--:|--:|--:|--:|--:|",
            *(_row(name, figures) for name, figures in engines.items()),
            _NOTES,
        ]
    )


def write_results(result: dict[str, Any], folder: Path, json_file: Path | None) -> None:
    """Write DATE-keystrokes-TRACE.json and .md into a folder; the JSON to another place, too."""
    config = result["config"]
    content = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    name = f"{config['date']}-keystrokes-{config['trace']}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(markdown(result), encoding="utf-8")
    (folder / f"{name}.json").write_text(content, encoding="utf-8")
    if json_file is not None:
        json_file.write_text(content, encoding="utf-8")


def _setting(config: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in config["versions"].items())
    skipped = f" after the first {config['skip']}" if config["skip"] else ""
    return [
        f"{config['keystrokes']} typed characters{skipped}, up to {config['max_tokens']} tokens "
        f"each, greedy; `generate` at every {config['generate_every']}th.",
        f"Model {config['model']}, {config['dtype']}, {config['device']}, "
        f"{_count(config['threads'], 'thread')}.",
        f"{config['cpu']}, {_count(config['cores'], 'core')}, {config['memory_gib']} GiB, "
        f"{config['system']}; load average before: {config['load_before']}.",
        f"{versions}.",
    ]


def _row(name: str, figures: dict[str, Any]) -> str:
    cells = [name, str(figures["keystrokes"]), f"{figures['reused_share']:.1%}"]
    cells.append(_triple(figures["new_tokens"], 0))
    cells.append(_triple(figures["ttft_ms"], 1))
    cells.append(_triple(figures["answer_ms"], 1))
    return f"| {' | '.join(cells)} |"


def _triple(percentiles: dict[str, float], num_digits: int) -> str:
    return " / ".join(f"{value:.{num_digits}f}" for value in percentiles.values())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
