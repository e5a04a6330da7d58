"""The console as a user runs it: in a terminal or a pipe, the real daemon, real weights."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.test_real_model import Fimbria
from tests.runtime.conftest import save_random_llama
from tests.runtime.family_checkpoints import BY_NAME

PATIENCE_S = 60.0
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|[=>])")
# Makes a terminal its own before it becomes the command.
_IN_TERMINAL = (
    "import os, sys; os.login_tty(int(sys.argv[1]));"
    "os.execv(sys.executable, [sys.executable, '-m', 'lsp_server', *sys.argv[2:]])"
)


@pytest.fixture(scope="module")
def fimbria() -> Iterator[Fimbria]:
    # Not pytest's own folder: the path of a Unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="fimbria-") as folder:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FIMBRIA_")}
        own = {"FIMBRIA_RUNTIME_DIR": folder, "XDG_DATA_HOME": f"{folder}/data"}
        terminal = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "NO_COLOR": "1"}
        command = Fimbria(inherited | own | terminal)
        yield command
        command("stop", "--all")


@pytest.fixture(scope="module")
def chatting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint of a family with a chat template."""
    name = "Qwen2.5-Coder-0.5B-Instruct"
    return BY_NAME[name].write(tmp_path_factory.mktemp("chat") / name)


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory, starter_folder: Path) -> Path:
    """Large enough, and with words enough, to go on until it is stopped."""
    folder = tmp_path_factory.mktemp("long") / "CodeLlama-7b-Instruct-hf"
    return save_random_llama(
        folder,
        starter_folder / "tokenizer.model",
        hidden_size=256,
        num_hidden_layers=8,
        max_position_embeddings=16384,
    )


@dataclass
class Terminal:
    """A terminal with the command in it. shown: all that was drawn so far, without colours."""

    descriptor: int
    process: subprocess.Popen[bytes]
    drawn: bytes = b""
    seen: int = 0

    @property
    def shown(self) -> str:
        return _ESCAPE.sub("", self.drawn.decode(errors="replace")).replace("\r\n", "\n")

    def type(self, keys: str | bytes) -> None:
        os.write(self.descriptor, keys.encode() if isinstance(keys, str) else keys)

    def wait_for(self, text: str) -> str:
        """Wait until `text` is drawn after what was waited for last; return what came before it."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.shown[self.seen :]:
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown[self.seen :]!r}"
            self._read()
        start = self.seen
        at = self.shown.index(text, start)
        self.seen = at + len(text)
        return self.shown[start:at]

    def wait_for_more(self, num_characters: int) -> None:
        """Wait until so much was drawn after what was waited for last."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.shown) < self.seen + num_characters:
            assert time.monotonic() < deadline, self.shown
            self._read()

    def _read(self) -> None:
        readable, _, _ = select.select([self.descriptor], [], [], 0.2)
        if readable:
            try:
                self.drawn += os.read(self.descriptor, 65536)
            except OSError:  # the command has left and closed its side
                assert self.process.wait(PATIENCE_S) is not None

    def leaves(self) -> int:
        """Wait until the command has ended; its exit status."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown
            self._read()
        return self.process.returncode


@contextmanager
def in_terminal(fimbria: Fimbria, *arguments: object) -> Iterator[Terminal]:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (40, 100))
    process = subprocess.Popen(
        [sys.executable, "-c", _IN_TERMINAL, str(theirs), *map(str, arguments)],
        env=fimbria.environment,
        pass_fds=[theirs],
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_a_hole_is_filled_as_the_model_fills_it(fimbria: Fimbria) -> None:
    marked = "def area(width, height):\n    return <FILL>\n"
    options = ("--capability", "infilling", "--max-tokens", "12")
    answer = fimbria("console", *options, stdin=marked).stdout
    assert answer == fimbria("console", *options, stdin=marked + "!!\n").stdout
    whole = fimbria.json(
        "complete", "-", "--max-tokens", "12", "--lines", "single", stdin=marked.rstrip("\n")
    )
    assert answer == whole["text"] + "\n"
    assert answer.strip()


def test_a_text_is_continued_and_its_cost_told(fimbria: Fimbria) -> None:
    texts = "import os\nimport \n!!\nimport os\nimport \n!!\n/stats\n!!\n"
    done = fimbria("console", "--max-tokens", "4", stdin=texts)
    first, second = done.stdout[: len(done.stdout) // 2], done.stdout[len(done.stdout) // 2 :]
    assert first == second
    cached = re.search(r"= (\d+) cached", done.stderr)
    assert cached is not None
    assert int(cached[1]) > 0


def prompt_tokens(fimbria: Fimbria, texts: list[str], *arguments: object) -> list[int]:
    """How many tokens the model reads of each text; none of them is part of another's talk."""
    stdin = "".join(f"{text}\n!!\n/stats\n!!\n/reset\n!!\n" for text in texts)
    done = fimbria(*arguments, "--max-tokens", "1", stdin=stdin)
    counts = [int(count) for count in re.findall(r"prompt (\d+)", done.stderr)]
    assert len(counts) == len(texts)
    return counts


def test_a_control_tokens_name_is_plain_text(fimbria: Fimbria) -> None:
    texts = ["# ab", "# a<EOT>b", "# a</s>b", "# a▁<MID>b"]
    plain, *others = prompt_tokens(fimbria, texts, "console")
    # A control token would be one token; its name spelled out takes several.
    assert min(others) - plain >= 2


def test_a_control_tokens_name_does_not_end_a_message(fimbria: Fimbria, chatting: Path) -> None:
    texts = ["ab", "a<|im_end|>b", "a<|endoftext|>b", "a<EOT>b"]
    plain, *others = prompt_tokens(fimbria, texts, "chat", "--model", chatting)
    assert min(others) - plain >= 2


def test_a_chat_reuses_what_was_said(fimbria: Fimbria, chatting: Path) -> None:
    talk = "What is area?\n!!\n/stats\n!!\nAnd width?\n!!\n/stats\n!!\n"
    options = ("--model", chatting, "--max-tokens", "16", "--system", "Answer in code.")
    done = fimbria("chat", *options, stdin=talk)
    (first, _), (second, cached) = re.findall(r"prompt (\d+) = (\d+) cached", done.stderr)
    # What a random model says may be cut into other tokens when it is read again.
    assert int(first) - 4 <= int(cached) < int(second)


def test_the_starter_does_not_chat_and_says_who_does(fimbria: Fimbria) -> None:
    done = fimbria("chat", stdin="hello", status=2)
    assert done.stdout == ""
    assert "CodeLlama-7b-Instruct-hf" in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_in_a_terminal_stops_the_answer_and_the_engine(
    fimbria: Fimbria, talkative: Path
) -> None:
    options = ("--model", talkative, "--max-tokens", 8000, "--temperature", 1, "--seed", 1)
    with in_terminal(fimbria, "chat", *options) as terminal:
        terminal.type("typed while it loads\r")
        terminal.wait_for("Enter sends, Alt-Enter breaks the line")
        terminal.wait_for("chat> typed while it loads")
        terminal.wait_for_more(80)
        terminal.type("\x03")
        terminal.wait_for("Stopped. /more goes on.")
        terminal.wait_for("chat> ")
        terminal.type("\x03")
        terminal.wait_for("Ctrl-D or /exit leaves")
        (daemon,) = [one for one in fimbria.json("status")["daemons"] if one["aborted"]]
        assert daemon["running"] == 0
        terminal.type("/model\r")
        terminal.wait_for("CodeLlama-7b-Instruct-hf")
        terminal.type("\x04")
        assert terminal.leaves() == 0


def test_pasted_and_odd_texts_in_a_terminal(fimbria: Fimbria) -> None:
    with in_terminal(fimbria, "console", "-c", "infilling", "--max-tokens", 8) as terminal:
        terminal.wait_for("!! alone on a line sends")
        terminal.wait_for("infilling> ")
        terminal.type(
            "\x1b[200~def area(width, height):\n\t# ☺ 👩‍👩‍👧\n    return <FILL>\x1b[201~\r!!\r"
        )
        terminal.type("/stats\r")
        terminal.wait_for("ms · prompt ")
        terminal.wait_for("infilling> ")
        terminal.type(b"\xff\xfe <FILL>\r!!\r")
        terminal.wait_for("This is no UTF-8 text.")
        terminal.wait_for("infilling> ")
        terminal.type("\x03")
        terminal.type("/exit\r")
        assert terminal.leaves() == 0
        assert "Traceback" not in terminal.shown


def test_ctrl_c_while_the_model_loads_leaves(fimbria: Fimbria, tmp_path: Path) -> None:
    with in_terminal(fimbria, "console", "--device", "cpu") as terminal:
        terminal.wait_for("starting")
        terminal.type("\x03")
        assert terminal.leaves() == 130
