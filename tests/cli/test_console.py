"""`fimbria console` and `fimbria chat`: what is asked, what is printed, what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lsp_server.cli.app import run
from lsp_server.cli.console.modes import check_model, mode_of
from lsp_server.cli.session import Services
from model_runtime.api import (
    Capability,
    ChatRequest,
    Chunk,
    CompletionRequest,
    Finished,
    FinishReason,
    Layout,
    MissingCapability,
    ModelInfo,
    Priority,
    RuntimeUnavailable,
    SamplingParams,
)
from tests.cli.fakes import TIMINGS, USAGE, FakeRuntime
from tests.runtime.family_checkpoints import BY_NAME

EVERYTHING = frozenset(Capability)
DONE = Finished(FinishReason.STOP, USAGE, TIMINGS)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("FIMBRIA_MODEL", "FIMBRIA_CHAT_MODEL", "FIMBRIA_CHAT_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return FakeRuntime(capabilities=EVERYTHING)


@pytest.fixture
def piped(runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> Piped:
    return Piped(runtime, monkeypatch)


class Piped:
    """The command with a text on its standard input."""

    def __init__(self, runtime: FakeRuntime, patch: pytest.MonkeyPatch) -> None:
        self.runtime, self._patch = runtime, patch

    def __call__(self, stdin: str | bytes, *arguments: str) -> int:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        self._patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        return run(list(arguments), Services(self.runtime.make))


# From a pipe


def test_only_the_answers_are_printed(piped: Piped, capsys: pytest.CaptureFixture[str]) -> None:
    assert piped("one\ntwo\n!!\n three\n!!\n", "console") == 0
    assert capsys.readouterr() == ("answer\nanswer\n", "")
    first, second = piped.runtime.requests
    assert isinstance(first, CompletionRequest)
    assert (first.prompt, first.suffix, first.priority) == ("one\ntwo", None, Priority.CHAT)
    assert second.prompt == " three"
    assert piped.runtime.closed


@pytest.mark.parametrize(
    "stdin", ["a = 1\nb", "a = 1\r\nb\r\n", "\ufeffa = 1\nb\n", "a = 1\nb\n!!"]
)
def test_without_an_end_the_input_is_one_text(piped: Piped, stdin: str) -> None:
    assert piped(stdin, "console") == 0
    assert [request.prompt for request in piped.runtime.requests] == ["a = 1\nb"]


@pytest.mark.parametrize("mark", ["<FILL>", "<FILL_ME>"])
def test_a_mark_is_the_hole(piped: Piped, mark: str) -> None:
    assert (
        piped(f"def f():\n    return {mark}\n\nf()\n", "console", "--capability", "infilling") == 0
    )
    (request,) = piped.runtime.requests
    assert (request.prompt, request.suffix) == ("def f():\n    return ", "\n\nf()")


def test_options_reach_the_model(piped: Piped) -> None:
    options = ("--max-tokens", "7", "--temperature", "0.5", "--top-p", "0.9", "--seed", "3")
    more = ("--layout", "psm", "--no-heal", "--model", "coder", "--device", "cpu")
    assert piped("<FILL>", "console", "-c", "infilling", *options, *more) == 0
    (request,), (spec,) = piped.runtime.requests, piped.runtime.specs
    assert (request.max_tokens, request.layout, request.heal) == (7, Layout.PSM, False)
    assert request.sampling == SamplingParams(temperature=0.5, top_p=0.9, seed=3)
    assert (spec.model, spec.device) == ("coder", "cpu")


def test_a_chat_keeps_what_was_said(piped: Piped) -> None:
    assert piped("first\n!!\nsecond\n!!\n", "chat", "--system", "Be brief.") == 0
    *_, request = piped.runtime.requests
    assert isinstance(request, ChatRequest)
    said = [(message.role.value, message.content) for message in request.messages]
    assert said == [
        *(("system", "Be brief."), ("user", "first")),
        *(("assistant", "answer"), ("user", "second")),
    ]
    assert request.document == piped.runtime.requests[0].document


def test_commands_work_in_a_pipe_and_their_remarks_are_no_answers(
    piped: Piped, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = "first\n!!\n/reset\n!!\n/etc is a folder\n!!\n/stats\n!!\n/exit\n!!\nnever\n"
    assert piped(stdin, "chat") == 0
    assert [len(request.messages) for request in piped.runtime.requests] == [1, 1]
    out, err = capsys.readouterr()
    assert out == "answer\nanswer\n"
    assert "prompt 12 = 8 cached + 4 computed" in err


def test_a_chats_first_blanks_are_not_printed(
    piped: Piped, capsys: pytest.CaptureFixture[str]
) -> None:
    piped.runtime.events = (Chunk(" "), Chunk("\n  Yes,"), Chunk(" \x1b[1mno.\n"), DONE)
    assert piped("?", "chat") == 0
    assert capsys.readouterr().out == "Yes, \x1b[1mno.\n"
    assert piped("?", "console") == 0
    assert capsys.readouterr().out == " \n  Yes, \x1b[1mno.\n"


@pytest.mark.parametrize(
    ("stdin", "arguments", "message"),
    [
        ("", ["chat"], "holds no text"),
        (" \n\t\n", ["chat"], "holds no text"),
        ("!!\n", ["chat"], "the text is empty"),
        (b"a\xff", ["console"], "not UTF-8 text (byte 2"),
        (b"a\0b", ["console"], "NUL"),
        ("no hole", ["console", "-c", "infilling"], "exactly once; the text has no mark"),
        ("<FILL> <FILL_ME>", ["console", "-c", "infilling"], "the text has 2 marks"),
        ("x", ["console", "--system", "s"], "--system is for chats"),
        ("x", ["chat", "--system", " "], "the text is empty"),
        ("x", ["console", "--capability", "singing"], "'singing' is not one of"),
    ],
)
def test_what_cannot_be_sent_is_wrong_usage(
    piped: Piped,
    capsys: pytest.CaptureFixture[str],
    stdin: str | bytes,
    arguments: list[str],
    message: str,
) -> None:
    assert piped(stdin, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert not piped.runtime.requests


def test_a_failure_ends_a_pipe_with_its_status(
    piped: Piped, capsys: pytest.CaptureFixture[str]
) -> None:
    piped.runtime.failure = RuntimeUnavailable("It has ended.", "Try again.")
    assert piped("x", "console") == 1
    assert capsys.readouterr() == ("", "fimbria: It has ended. Try again.\n")


# Which model


@pytest.mark.parametrize(
    ("capability", "named"),
    [
        ("infilling", "codellama/CodeLlama-7b-hf"),
        ("chat", "codellama/CodeLlama-7b-Instruct-hf"),
        ("python", "codellama/CodeLlama-7b-Python-hf"),
    ],
)
def test_a_model_that_cannot_is_refused_before_any_text(
    piped: Piped, capsys: pytest.CaptureFixture[str], capability: str, named: str
) -> None:
    piped.runtime.capabilities = frozenset({Capability.COMPLETION})
    assert piped("<FILL>", "console", "--capability", capability, "--model", "folder") == 2
    # Of an official checkpoint it is known without asking: nothing is downloaded for a refusal.
    assert piped("<FILL>", "console", "-c", capability, "-m", "codellama/CodeLlama-34b-hf") == 2
    by_files, by_name = capsys.readouterr().err.splitlines()
    assert by_files.startswith("fimbria: fake ")
    assert by_name.startswith("fimbria: codellama/CodeLlama-34b-hf ")
    assert "Leave out" not in by_files + by_name  # what somebody at a console has not put in
    for line in (by_files, by_name):
        assert "--model" in line
        assert (named if "chat" not in capability else "nstruct") in line
    assert len(piped.runtime.specs) == 1
    assert not piped.runtime.requests


def test_a_family_names_its_own_models() -> None:
    info = ModelInfo(
        id="it", context_length=9, capabilities=frozenset(), family="codegemma", num_parameters=1
    )
    with pytest.raises(MissingCapability, match=r"google/codegemma-1\.1-2b"):
        check_model(mode_of(Capability.INFILLING), info)


def test_the_files_tell_which_family_would_fill_in(
    piped: Piped, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    piped.runtime.capabilities = frozenset({Capability.COMPLETION})
    folder = tmp_path / "qwen-chat"
    BY_NAME["Qwen2.5-Coder-0.5B-Instruct"].write_config(folder)
    (folder / "model.safetensors").touch()
    assert piped("<FILL>", "console", "-c", "infilling", "--model", str(folder)) == 2
    assert "--family qwen2.5_coder" in capsys.readouterr().err


def test_a_model_on_this_machine_that_chats_is_named_first(
    piped: Piped,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    piped.runtime.capabilities = frozenset({Capability.COMPLETION})
    assert piped("x", "chat") == 2
    assert "fimbria models pull" in capsys.readouterr().err
    snapshot = tmp_path / "models--somebody--talker-Instruct" / "snapshots" / "abc"
    BY_NAME["Qwen2.5-Coder-0.5B-Instruct"].write_config(snapshot)
    (snapshot / "model.safetensors").touch()
    assert piped("x", "chat") == 2
    said = capsys.readouterr().err
    assert "--model somebody/talker-Instruct" in said
    assert "codellama" not in said


def test_settings_say_which_model_chats(
    piped: Piped,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    piped.runtime.capabilities = frozenset({Capability.COMPLETION})
    (tmp_path / "fimbria").mkdir()
    (tmp_path / "fimbria" / "config.toml").write_text('model = "coder"\nchat_model = "talker"\n')
    assert piped("x", "chat") == 0
    assert (piped.runtime.specs[0].model, piped.runtime.specs[0].chat_model) == ("coder", "talker")
    assert piped("/model\n!!\n", "chat") == 0
    assert capsys.readouterr().err.startswith("talker · chat\n")
    assert piped("x", "chat", "--model", "base") == 2, "a model that is named answers itself"
    assert piped.runtime.specs[-1].chat_model == ""
    assert piped("x", "console") == 0
    monkeypatch.setenv("FIMBRIA_CHAT_MODEL", "another")
    assert piped("x", "chat") == 0
    assert piped.runtime.specs[-1].chat_model == "another"


def test_an_engine_elsewhere_chats_when_it_is_set_and_no_model_is_named(
    piped: Piped, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, made = FakeRuntime(capabilities=EVERYTHING), []

    def make(*arguments: str) -> FakeRuntime:
        made.append(arguments)
        return elsewhere

    monkeypatch.setattr("model_runtime.openai_runtime.OpenAIRuntime", make)
    monkeypatch.setenv("FIMBRIA_CHAT_ENDPOINT", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("FIMBRIA_CHAT_MODEL", "big")
    assert piped("x", "chat") == 0
    assert made == [("http://127.0.0.1:1/v1", "big", "")]
    assert piped("x", "console") == 0
    assert piped("x", "chat", "--model", "mine") == 0
    assert (len(elsewhere.requests), len(piped.runtime.requests)) == (1, 2)


def test_answers_leave_room_for_the_text(piped: Piped) -> None:
    assert piped("x", "chat") == 0
    assert piped("x", "console") == 0
    assert [request.max_tokens for request in piped.runtime.requests] == [512, 256]


def test_an_answer_that_leaves_no_room_for_a_text_is_refused_before_any(
    piped: Piped, capsys: pytest.CaptureFixture[str]
) -> None:
    assert piped("x", "console", "--max-tokens", "1024") == 2
    assert "--max-tokens 1024 leaves no room for a text: the context of fake is 1024 tokens" in (
        capsys.readouterr().err
    )
    assert not piped.runtime.requests
    assert piped("x", "console", "--max-tokens", "1023") == 0
