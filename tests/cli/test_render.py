"""What a completion looks like: on a terminal and elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from lsp_server.cli.asking import Answer, Filling
from lsp_server.cli.render import printable, show_completion, timings_line
from lsp_server.cli.target import marked_hole
from model_runtime.api import Finished, FinishReason, ModelInfo, Timings, Usage

DIM_ITALIC = "\x1b[2;3;39m"


def shown(marked: str, ghost: str, *, terminal: bool = False, name: str = "app.py") -> str:
    output = io.StringIO()
    console = Console(
        file=output, force_terminal=terminal, width=80, color_system="standard", _environ={}
    )
    show_completion(console, marked_hole(marked, Path(name)), ghost)
    return output.getvalue()


def test_ghost_text_is_marked_where_there_is_no_terminal() -> None:
    assert shown("def f(x):\n    return <FILL>\n", "x + 1") == (
        "1 │ def f(x):\n2 │     return ‹x + 1›\n3 │ \n"
    )


def test_ghost_text_is_dimmed_on_a_terminal() -> None:
    output = shown("x = <FILL>)", "value", terminal=True)
    assert f"{DIM_ITALIC}value\x1b[0m)" in output
    assert "‹" not in output


def test_lines_that_only_the_ghost_text_adds_have_no_number() -> None:
    assert shown("def f():<FILL>\n\nf()", "\n    return 1\r\n") == (
        "1 │ def f():‹\n  │     return 1\n  │ ›\n2 │ \n3 │ f()\n"
    )


def test_only_the_surroundings_are_shown() -> None:
    lines = [f"line_{number}" for number in range(1, 1001)]
    lines[499] += "<FILL>"
    output = shown("\r\n".join(lines), "!").splitlines()
    assert output[0] == "494 │ line_494"
    assert output[6] == "500 │ line_500‹!›"
    assert output[-1] == "504 │ line_504"


def test_lines_far_above_still_tell_the_lexer_where_a_string_begins() -> None:
    marked = '"""\n' + "words\n" * 20 + 'import <FILL>\n"""\n'
    inside_string = shown(marked, "os", terminal=True)
    assert "\x1b[33mimport " in inside_string


def test_a_long_line_is_cut_around_the_hole() -> None:
    output = shown("a" * 1000 + "<FILL>" + "b" * 1000, "ghost")
    assert output == "1 │ …" + "a" * 160 + "‹ghost›" + "b" * 160 + "…\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_in_a_file_steers_the_terminal(terminal: bool) -> None:
    output = shown("# \x1b[2J\x9b\a[red]\u202e\n<FILL>", "\x1b]0;title\a", terminal=terminal)
    assert "\x1b[2J" not in output
    assert "\x1b]0" not in output
    assert not set("\a\x9b\u202e") & set(output)
    assert "[red]" in output


def test_only_the_protocols_line_breaks_break_lines() -> None:
    assert printable("a\r\nb\rc\nd\x0ce\u2028f\x85g\th") == "a\nb\nc\nd␌e�f�g    h"


@pytest.mark.parametrize("name", ["notes", "app.unknown", "app.svelte", "a:b.py", "x.html"])
@pytest.mark.parametrize("marked", ["<FILL>", "\n\n<FILL>\n\n", " <FILL> ", "<b>'<FILL>\n\\"])
def test_any_file_can_be_highlighted(name: str, marked: str) -> None:
    assert DIM_ITALIC + "ghost" in shown(marked, "ghost", terminal=True, name=name)


def answer(num_tokens: int, decode_ms: float, **drafts: int) -> Answer:
    usage = Usage(prompt_tokens=100, cached_tokens=90, completion_tokens=num_tokens, **drafts)
    timings = Timings(queue_ms=0.04, prefill_ms=10.0, decode_ms=decode_ms)
    return Answer(
        (Filling(text="x"),),
        Finished(FinishReason.STOP, usage, timings),
        ModelInfo(id="starter", context_length=512, capabilities=frozenset()),
    )


def test_the_timings_say_what_was_reused_and_how_fast_it_was() -> None:
    assert timings_line(answer(11, 50)) == (
        "11 tokens in 60 ms · prompt 100 = 90 cached + 10 computed · "
        "queue 0.0, prefill 10.0, decode 50.0 ms · 200 tok/s · stop · starter"
    )


def test_the_timings_say_how_many_drafts_were_right() -> None:
    assert "5 of 8 draft tokens right" in timings_line(
        answer(11, 50, draft_tokens=8, accepted_tokens=5)
    )


def test_one_token_has_no_speed() -> None:
    line = timings_line(answer(1, 0))
    assert line.startswith("1 token in 10 ms")
    assert "tok/s" not in line
