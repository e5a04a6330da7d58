"""The console as somebody types into it: keys, pasting, Ctrl-C and Ctrl-D, the kept history."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from lsp_server.cli.console.history import PrivateHistory, history_file
from lsp_server.cli.console.loop import Session, talk_on_terminal
from lsp_server.cli.console.modes import mode_of
from lsp_server.cli.console.printing import Screen
from lsp_server.cli.console.reading import ended_text, sent_text, typed_texts
from lsp_server.cli.console.talk import Talk, Ways
from model_runtime.api import (
    Capability,
    Chunk,
    Event,
    Finished,
    FinishReason,
    InvalidRequest,
    Request,
    RuntimeUnavailable,
)
from tests.cli.fakes import TIMINGS, USAGE, FakeRuntime

ENTER, ALT_ENTER, CTRL_C, CTRL_D, UP = "\r", "\x1b\r", "\x03", "\x04", "\x1b[A"


def pasted(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def typed(
    keys: str,
    capability: Capability,
    runtime: FakeRuntime | None = None,
    history: PrivateHistory | None = None,
) -> tuple[list[str], str, str]:
    """The texts that reached the model, what was answered, and what was remarked."""
    runtime = runtime or FakeRuntime()
    out, err = io.StringIO(), io.StringIO()
    screen = Screen(out, True, Console(file=err, width=200))
    talk = Talk(Ways(mode=mode_of(capability), max_tokens=9))

    async def play() -> None:
        with create_pipe_input() as terminal:
            typing = asyncio.to_thread(terminal.send_text, keys + CTRL_D)  # a pipe holds 64 kB
            texts = typed_texts(talk.ways.mode, history, (terminal, DummyOutput()))
            session = Session(runtime=runtime, info=await runtime.info(), talk=talk, screen=screen)
            await asyncio.gather(typing, talk_on_terminal(session, texts))

    asyncio.run(play())
    return [_text(request) for request in runtime.requests], out.getvalue(), err.getvalue()


def _text(request: Request) -> str:
    if hasattr(request, "messages"):
        return str(request.messages[-1].content)
    return request.prompt + (f"|{request.suffix}" if request.suffix is not None else "")


def test_in_a_chat_enter_sends_and_alt_enter_breaks_the_line() -> None:
    asked, out, err = typed(f"one{ALT_ENTER}two{ENTER}three{ENTER}", Capability.CHAT)
    assert asked == ["one\ntwo", "three"]
    assert out == "answer\n\nanswer\n\n"
    assert "fake · Enter sends, Alt-Enter breaks the line, Ctrl-D leaves" in err


def test_in_code_enter_breaks_the_line_and_two_exclamation_marks_send() -> None:
    asked, *_ = typed(
        f"if a:{ENTER}    b{ENTER}!!{ENTER}c{ENTER}{ENTER} !! {ENTER}", Capability.COMPLETION
    )
    assert asked == ["if a:\n    b", "c\n"]


def test_alt_enter_sends_code_at_once() -> None:
    asked, *_ = typed(f"x = <FILL>{ENTER}y{ALT_ENTER}", Capability.INFILLING)
    assert asked == ["x = |\ny"]


@pytest.mark.parametrize("capability", [Capability.CHAT, Capability.PYTHON])
def test_what_is_pasted_stays_whole_until_it_is_sent(capability: Capability) -> None:
    code = "def f():\n\tif a:\n\n        return b\n"
    end = ENTER if capability is Capability.CHAT else f"{ENTER}!!{ENTER}"
    asked, *_ = typed(pasted(code) + end, capability)
    assert asked == [code]
    asked, *_ = typed(pasted("a\r\nb\r!!\n") + ENTER, capability)
    assert asked == ["a\nb"], "an end may be pasted along"


def test_100_kilobytes_can_be_pasted() -> None:
    code = "".join(f"# line {number}: ☺ 👩‍👩‍👧\n" for number in range(4000))
    asked, *_ = typed(pasted(code) + ALT_ENTER, Capability.COMPLETION)
    assert len(code.encode()) > 100_000
    assert asked == [code]


def test_without_brackets_a_paste_is_not_indented_twice() -> None:
    asked, *_ = typed("if a:\r    if b:\r        c\r!!\r", Capability.COMPLETION)
    assert asked == ["if a:\n    if b:\n        c"]


@pytest.mark.parametrize("capability", [Capability.CHAT, Capability.COMPLETION])
def test_blank_texts_are_not_sent(capability: Capability) -> None:
    asked, _, err = typed(f"{ENTER}  {ENTER}!!{ENTER}", capability)
    assert asked == []
    assert "!!" not in err.partition("\n")[2]


def test_a_text_that_cannot_be_sent_can_be_mended() -> None:
    asked, _, err = typed(f"x = {ALT_ENTER}<FILL>{ALT_ENTER}", Capability.INFILLING)
    assert "Mark the hole with <FILL> exactly once" in err
    assert asked == ["x = |"]


def test_a_text_that_the_daemon_refuses_can_be_mended_too() -> None:
    class Strict(FakeRuntime):
        async def stream(self, request: Request) -> AsyncIterator[Event]:
            if _text(request) == "long":
                raise InvalidRequest("It is too long.", "Shorten it.")
            async for event in super().stream(request):
                yield event

    asked, _, err = typed(f"long{ENTER}er{ENTER}", Capability.CHAT, Strict())
    assert "It is too long. Shorten it." in err
    assert asked == ["longer"]


@pytest.mark.parametrize(
    ("capability", "refused", "never"),
    [
        (Capability.CHAT, f"/foo{ENTER}", f"never{ENTER}"),
        (Capability.INFILLING, f"x{ALT_ENTER}", f"<FILL>{ALT_ENTER}"),
    ],
)
def test_ctrl_d_leaves_a_text_that_was_refused(
    capability: Capability, refused: str, never: str
) -> None:
    """It deleted what is behind the cursor: nothing."""
    asked, *_ = typed(f"{refused}{CTRL_D}{CTRL_C}{never}", capability)
    assert asked == []


def test_ctrl_d_keeps_a_text_that_is_being_written() -> None:
    asked, *_ = typed(f"kept{CTRL_D}{ENTER}", Capability.CHAT)
    assert asked == ["kept"]


def test_what_is_no_text_is_said() -> None:
    asked, _, err = typed(pasted("a\0b") + f"{ENTER}{CTRL_C}c{ENTER}", Capability.CHAT)
    assert "NUL" in err
    assert asked == ["c"]


def test_ctrl_c_drops_the_text_and_else_says_how_to_leave() -> None:
    asked, _, err = typed(f"never{CTRL_C}{CTRL_C}kept{ENTER}", Capability.CHAT)
    assert asked == ["kept"]
    assert err.count("Ctrl-D or /exit leaves") == 1


def test_a_command_is_done_by_enter_in_code_too() -> None:
    asked, _, err = typed(f"/model{ENTER}/exit{ENTER}never{ALT_ENTER}", Capability.COMPLETION)
    assert "million parameters" in err
    assert asked == []


def test_an_unknown_command_is_not_sent_to_the_model() -> None:
    asked, _, err = typed(f"/hlep{ENTER}{CTRL_C} /hlep{ENTER}", Capability.CHAT)
    assert "There is no command /hlep; /help lists them" in err
    assert asked == [" /hlep"]


def test_a_failure_leaves_the_talk_as_it_was() -> None:
    runtime = FakeRuntime()

    class Failing(FakeRuntime):
        async def stream(self, request: Request) -> AsyncIterator[Event]:
            if request.messages[-1].content == "fail":
                raise RuntimeUnavailable("The daemon has ended.", "Ask again.")
            async for event in runtime.stream(request):
                yield event

    _, out, err = typed(f"one{ENTER}fail{ENTER}two{ENTER}", Capability.CHAT, Failing())
    assert "The daemon has ended. Ask again." in err
    assert out == "answer\n\nanswer\n\n"
    said = [message.content for message in runtime.requests[-1].messages]
    assert said == ["one", "answer", "two"]


def test_ctrl_c_stops_an_answer_and_not_the_program() -> None:
    """The stream is closed, which aborts the request; what had come is part of the talk."""

    class Endless(FakeRuntime):
        closed_streams = 0

        async def stream(self, request: Request) -> AsyncIterator[Event]:
            self.requests.append(request)
            if len(self.requests) > 1:
                yield Chunk("fine")
                return
            try:
                yield Chunk("endless")
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.Event().wait()
            finally:
                self.closed_streams += 1

    runtime = Endless()
    before = signal.getsignal(signal.SIGINT)
    _, out, err = typed(f"go{ENTER}again{ENTER}", Capability.CHAT, runtime)
    assert runtime.closed_streams == 1
    assert out == "endless\n\nfine\n\n"
    assert "Stopped. /more goes on." in err
    said = [message.content for message in runtime.requests[-1].messages]
    assert said == ["go", "endless", "again"]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_between_an_answer_and_the_next_prompt_does_nothing() -> None:
    class Hasty(FakeRuntime):
        async def stream(self, request: Request) -> AsyncIterator[Event]:
            async for event in super().stream(request):
                yield event
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)

    asked, *_ = typed(f"one{ENTER}two{ENTER}", Capability.CHAT, Hasty(events=[Chunk("fine")]))
    assert asked == ["one", "two"]


def test_an_answer_that_is_cut_off_says_how_to_go_on() -> None:
    cut = Finished(FinishReason.LENGTH, USAGE, TIMINGS)
    runtime = FakeRuntime(events=(Chunk("half"), cut))
    asked, out, err = typed(f"x{ENTER}/more{ENTER}", Capability.CHAT, runtime)
    assert "Cut off by --max-tokens or the context; /more goes on" in err
    assert len(asked) == 2
    assert out == "half\n\nhalf\n\n"


def test_history_is_kept_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    file = history_file(mode_of(Capability.CHAT))
    assert file.is_relative_to(tmp_path)
    assert file != history_file(mode_of(Capability.INFILLING))
    text = f"one{ALT_ENTER}☺{ENTER}"
    typed(text, Capability.CHAT, history=PrivateHistory(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(PrivateHistory(file).load_history_strings()) == ["one\n☺"]


def test_up_brings_back_what_was_sent(tmp_path: Path) -> None:
    PrivateHistory(tmp_path / "history").store_string("one")

    async def play() -> str:
        with create_pipe_input() as terminal:
            history = PrivateHistory(tmp_path / "history")
            texts = typed_texts(mode_of(Capability.CHAT), history, (terminal, DummyOutput()))
            reading = asyncio.create_task(texts.read())
            while texts.session.default_buffer.text != "one":  # it is read while one may type
                terminal.send_text(UP)
                await asyncio.sleep(0.01)
            terminal.send_text(f"s{ENTER}")
            return await reading

    assert asyncio.run(play()) == "ones"


def test_history_stays_small_and_never_disturbs(tmp_path: Path) -> None:
    file = tmp_path / "history"
    for text in ("old", "x" * 100_000, "\udcff"):
        PrivateHistory(file).store_string(text)
    kept = list(PrivateHistory(file).load_history_strings())
    assert kept == ["?", "old"]
    for number in range(60):
        PrivateHistory(file).store_string(f"{number}{'y' * 30_000}")
    newest, *rest = PrivateHistory(file).load_history_strings()
    assert newest.startswith("59y")
    assert len(rest) < 59
    assert "old" not in rest
    nowhere = PrivateHistory(tmp_path / "history" / "no folder")
    nowhere.store_string("lost")
    assert list(nowhere.load_history_strings()) == []


@pytest.mark.parametrize(
    ("text", "ended"),
    [("a\n!!", "a"), ("a\n!!\n\n", "a"), ("!!", ""), ("a!!", None), ("!!\na", None), ("", None)],
)
def test_only_a_line_of_its_own_ends_a_text(text: str, ended: str | None) -> None:
    assert ended_text(text) == ended


def test_enter_sends_what_the_mode_says() -> None:
    mode = mode_of(Capability.PYTHON)
    texts = ("a", "/nope", "/help", "/help\n!!")
    assert [sent_text(mode, text) for text in texts] == [None, None, "/help", "/help"]
