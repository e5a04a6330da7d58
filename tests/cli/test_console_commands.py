"""The console's commands and its printing: going on, forgetting, saving, showing."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.cli.console.commands import Called, Reply, parse_command, run_command
from lsp_server.cli.console.modes import mode_of
from lsp_server.cli.console.printing import AnswerWriter
from lsp_server.cli.console.talk import Answer, Talk, Ways
from lsp_server.cli.errors import CommandError
from model_runtime.api import (
    Capability,
    ChatRequest,
    CompletionRequest,
    Finished,
    FinishReason,
    ModelInfo,
    Usage,
)
from tests.cli.fakes import TIMINGS, USAGE

DONE = Finished(FinishReason.STOP, USAGE, TIMINGS)
INFO = ModelInfo(
    id="fake", context_length=1024, capabilities=frozenset(Capability), family="code_llama"
)


def talk_in(capability: Capability, system: str = "") -> Talk:
    return Talk(Ways(mode=mode_of(capability), max_tokens=9), system)


def say(talk: Talk, text: str, answer: str, finished: Finished | None = DONE) -> None:
    talk.record(talk.question(text), Answer(answer, finished))


def test_more_goes_on_where_the_answer_stopped() -> None:
    code = talk_in(Capability.INFILLING)
    say(code, "a = <FILL>\nb", "[1,")
    more = code.go_on()
    assert isinstance(more.request, CompletionRequest)
    assert (more.request.prompt, more.request.suffix) == ("a = [1,", "\nb")
    code.record(more, Answer(" 2]"))
    assert [(one.text, one.answer) for one in code.exchanges] == [("a = <FILL>\nb", "[1, 2]")]

    chat = talk_in(Capability.CHAT)
    say(chat, "hello", "Hel", replace(DONE, reason=FinishReason.LENGTH))
    request = chat.go_on().request
    assert isinstance(request, ChatRequest)
    assert [message.content for message in request.messages[:2]] == ["hello", "Hel"]
    with pytest.raises(CommandError, match="no answer yet"):
        talk_in(Capability.CHAT).go_on()


def test_a_chats_whole_answer_has_no_more() -> None:
    chat = talk_in(Capability.CHAT)
    say(chat, "hello", "Hello.")
    with pytest.raises(CommandError, match="has come to its end"):
        chat.go_on()


def test_an_engine_that_counts_nothing_has_not_written_nothing() -> None:
    chat = talk_in(Capability.CHAT)
    say(chat, "hello", "Hi", Finished(FinishReason.STOP, Usage(0, 0, 0), TIMINGS))
    told = run_command(Called("stats"), chat, INFO).text
    assert "tokens not counted" in told
    assert "0 tokens" not in told


def test_a_model_of_which_little_is_known() -> None:
    info = replace(INFO, family="", device="127.0.0.1", dtype="")
    told = run_command(Called("model"), talk_in(Capability.CHAT), info).text
    assert told.startswith("fake · 127.0.0.1 · context 1024")


def test_an_answer_that_never_began_is_not_part_of_the_talk() -> None:
    chat = talk_in(Capability.CHAT)
    say(chat, "hello", "", None)
    assert not chat.exchanges
    assert "no answer" in run_command(Called("stats"), chat, INFO).text


def test_the_system_message_can_be_changed_and_taken_back() -> None:
    chat = talk_in(Capability.CHAT)
    run_command(Called("system", "Be brief."), chat, INFO)
    say(chat, "hello", "Hi.")
    run_command(Called("reset"), chat, INFO)
    request = chat.question("again").request
    assert isinstance(request, ChatRequest)
    assert [message.content for message in request.messages] == ["Be brief.", "again"]
    assert "Be brief." in run_command(Called("system"), chat, INFO).text
    run_command(Called("system", "off"), chat, INFO)
    assert chat.system == ""
    with pytest.raises(CommandError, match="only chats"):
        run_command(Called("system", "x"), talk_in(Capability.PYTHON), INFO)


def test_a_talk_is_saved_as_markdown_and_over_nothing(tmp_path: Path) -> None:
    code = talk_in(Capability.COMPLETION)
    with pytest.raises(CommandError, match="nothing to save"):
        run_command(Called("save", str(tmp_path / "a.md")), code, INFO)
    say(code, "s = '''\n```python", "\n```")
    file = tmp_path / "talk.md"
    assert str(file) in run_command(Called("save", str(file)), code, INFO).text
    saved = file.read_text(encoding="utf-8")
    assert saved == (
        "# Completion with fake\n\n## Text\n\n````\ns = '''\n```python\n````\n\n"
        "## Answer\n\n````\n\n```\n````\n"
    )
    for name, why in (
        (file, "there already"),
        (tmp_path / "no" / "f", "No such file"),
        ("", "name"),
    ):
        with pytest.raises(CommandError, match=why):
            run_command(Called("save", str(name)), code, INFO)
    assert file.read_text(encoding="utf-8") == saved


def test_help_names_every_command() -> None:
    text = run_command(Called("help"), talk_in(Capability.INFILLING), INFO).text
    for name in ("more", "reset", "system", "stats", "save", "model", "help", "exit"):
        assert f"/{name}" in text
    assert "<FILL_ME>" in text
    assert run_command(Called("exit"), talk_in(Capability.CHAT), INFO) == Reply(leave=True)
    assert "fake · code llama" in run_command(Called("model"), talk_in(Capability.CHAT), INFO).text
    with pytest.raises(CommandError, match="/help lists them"):
        run_command(Called("nope"), talk_in(Capability.CHAT), INFO)


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("/reset", Called("reset")),
        ("/system  Be brief. \n", Called("system", "Be brief.")),
        ("/save a b.md", Called("save", "a b.md")),
        (" /reset", None),
        ("/usr/bin", None),
        ("/reset\nnow", None),
        ("// a comment", None),
        ("/", None),
    ],
)
def test_a_line_with_a_slash_is_a_command(text: str, called: Called | None) -> None:
    assert parse_command(text) == called


# What a terminal is shown


def test_an_answer_cannot_steer_the_terminal_but_keeps_its_tabs() -> None:
    out = io.StringIO()
    writer = AnswerWriter(out, True, False)
    for piece in ("if x:\n", "\ty\x1b[2J", "\x07é"):
        writer.write(piece)
    writer.end()
    assert out.getvalue() == "if x:\n\ty␛[2J␇é\n\n"


def test_a_sign_of_waiting_gives_way_to_the_answer() -> None:
    out = io.StringIO()
    writer = AnswerWriter(out, True, True)
    writer.wait()
    writer.write("  ")
    assert out.getvalue() == "…"
    writer.write("x")
    writer.wait()
    writer.end()
    assert out.getvalue() == "…\r\x1b[Kx\n\n"
