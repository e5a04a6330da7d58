"""`fimbria models`: what is here, what it can do and takes, downloading and choosing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli.app import run
from lsp_server.cli.models import describe_model
from lsp_server.cli.models_size import num_parameters_on_disk
from lsp_server.user_config import user_settings
from model_runtime.adapters import resolve_adapter
from model_runtime.api import UnsupportedModel
from model_runtime.models import resolve_model
from model_runtime.prompts import MAX_CONTEXT_LENGTH
from tests.runtime.fake_hub import FakeHub, model_files, serving

NAME = "somebody/coder"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resolve_model("starter"), tmp_path / "model"))


@pytest.fixture(autouse=True)
def of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("FIMBRIA_MODEL", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(starter_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub(NAME, model_files(starter_folder))) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


class Terminal:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def json(self, *arguments: str) -> Any:
        assert run([*arguments, "--json"]) == 0
        return json.loads(self._capsys.readouterr().out)

    def text(self, *arguments: str) -> str:
        assert run(list(arguments)) == 0
        return self._capsys.readouterr().out

    def error(self, *arguments: str) -> str:
        assert run(list(arguments)) in (1, 2)
        return self._capsys.readouterr().err


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def test_the_context_is_what_the_daemon_serves(folder: Path) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    for trained, served in ((512, 512), (2 * MAX_CONTEXT_LENGTH, MAX_CONTEXT_LENGTH)):
        file.write_text(json.dumps(config | {"max_position_embeddings": trained}))
        assert describe_model(str(folder)).context_length == served


def test_a_model_without_its_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.model").unlink()
    with pytest.raises(UnsupportedModel, match=r"tokenizer\.model"):
        describe_model(str(folder))


def test_a_model_is_pulled_listed_used_and_removed(terminal: Terminal, hub: FakeHub) -> None:
    assert f"fimbria models use {NAME}" in terminal.text("models", "pull", NAME)
    listed = {one["name"]: one for one in terminal.json("models")}
    assert listed.keys() == {"starter", NAME}
    assert listed["starter"]["in_use"]
    assert listed[NAME]["capabilities"] == ["completion", "infilling"]
    terminal.text("models", "use", NAME)
    assert user_settings()[0].model == NAME
    assert terminal.json("models", "info", NAME)["in_use"]
    assert "without asking" in terminal.error("models", "remove", NAME)
    assert "are free again" in terminal.text("models", "remove", NAME, "--yes")
    (_, gone) = terminal.json("models", "list")
    assert (gone["name"], gone["in_use"]) == (NAME, True)
    assert f"fimbria models pull {NAME}" in gone["problem"]


def test_an_adapter_is_pulled_and_is_no_model(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "somebody/lora"
    files = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"weights"}
    with serving(FakeHub(name, files)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        said = terminal.text("models", "pull", name)
    assert f"--adapter {name}" in said
    assert "models use" not in said
    assert [one["name"] for one in terminal.json("models")] == ["starter"]
    assert (resolve_adapter(name) / "adapter_model.safetensors").read_bytes() == b"weights"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert f"--adapter {name}" in terminal.text("models", "pull", name)


def test_the_chosen_model_is_what_commands_ask(terminal: Terminal, hub: FakeHub) -> None:
    terminal.text("models", "pull", NAME)
    terminal.text("models", "use", NAME)
    assert f"for {NAME}" in terminal.text("stop")
    assert "for starter" in terminal.text("stop", "--model", "starter")


def test_an_unfinished_download_says_how_to_finish_it(
    terminal: Terminal, hub: FakeHub, tmp_path: Path
) -> None:
    terminal.text("models", "pull", NAME)
    (weights,) = (tmp_path / "cache").rglob("snapshots/*/model.safetensors")
    weights.unlink()
    (_, download) = terminal.json("models")
    assert download["problem"] == f"model.safetensors is missing; fimbria models pull {NAME}"
    assert f"fimbria models pull {NAME}" in terminal.error("models", "use", NAME)


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("codellama/CodeLlama-7b-hf", ["completion", "infilling"]),
        ("codellama/CodeLlama-13b-Instruct-hf", ["chat", "completion", "infilling"]),
        ("codellama/CodeLlama-34b-hf", ["completion"]),
        ("codellama/CodeLlama-34b-Python-hf", ["completion", "python"]),
    ],
)
def test_official_checkpoints_are_described_before_they_are_here(
    terminal: Terminal, name: str, capabilities: list[str]
) -> None:
    found = terminal.json("models", "info", name)
    assert found["capabilities"] == capabilities
    assert bool(found["layouts"]) == ("infilling" in capabilities)
    assert found["problem"] == f"not downloaded; fimbria models pull {name}"
    assert found["context_length"] == 16384


def test_of_other_models_nothing_is_guessed(terminal: Terminal) -> None:
    assert "fimbria models pull a/b" in terminal.error("models", "info", "a/b")


def test_use_without_a_name_takes_the_largest_that_fits(terminal: Terminal, hub: FakeHub) -> None:
    config = json.loads(hub.files["config.json"])
    larger = config | {"num_hidden_layers": 9}
    hub.files["config.json"] = json.dumps(larger).encode()
    terminal.text("models", "pull", NAME)
    assert f"Using {NAME}: the largest of 2" in terminal.text("models", "use")
    assert user_settings()[0].model == NAME
    terminal.text("models", "remove", NAME, "--yes")
    hub.files["config.json"] = json.dumps(config | {"num_hidden_layers": 10**6}).encode()
    terminal.text("models", "pull", NAME)
    assert "Using starter" in terminal.text("models", "use")


def test_use_keeps_a_folder_whatever_the_current_one_is(
    terminal: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    terminal.text("models", "use", "model")
    assert user_settings()[0].model == str(folder)


def test_what_is_not_there_cannot_be_used_or_removed(terminal: Terminal, folder: Path) -> None:
    assert "fimbria models pull a/b" in terminal.error("models", "use", "a/b")
    assert user_settings()[0].model == "starter"
    for name in ("a/b", "starter", str(folder), "../model"):
        assert "is not in the Hugging Face cache" in terminal.error("models", "remove", name, "-y")
    assert folder.is_dir()


def test_memory_tells_bytes_and_whether_they_fit(terminal: Terminal) -> None:
    found = terminal.json("models", "memory", "codellama/CodeLlama-7b-hf")
    assert found["weights_bytes"]["float16"] == 2 * found["num_parameters"]
    assert found["kv_bytes_per_token_by_precision"]["float16"] == 512 * 1024
    assert isinstance(found["fits"], bool)
    starter = terminal.json("models", "memory", "starter", "--context", "512", "--slots", "3")
    assert starter["fits"]
    assert starter["kv_bytes"] == 3 * 512 * starter["kv_bytes_per_token"]
    assert starter["devices"][-1]["name"] == "cpu"
    too_large = terminal.text("models", "memory", "CodeLlama-70b-hf", "--slots", "9999")
    assert "It does not fit" in too_large
    assert "is good for 1024 tokens" in terminal.error(
        "models", "memory", "starter", "--context", "2000"
    )


def test_memory_of_a_model_on_the_hub_fetches_its_configuration_only(
    terminal: Terminal, hub: FakeHub
) -> None:
    found = terminal.json("models", "memory", NAME)
    assert found["num_parameters"] == terminal.json("models", "memory", "starter")["num_parameters"]
    assert not any(path.endswith(".safetensors") for _, path, _ in hub.requests)


def test_every_command_explains_itself(terminal: Terminal) -> None:
    overview = terminal.text("models", "--help")
    assert "fimbria models memory codellama/CodeLlama-7b-hf" in overview
    for command in ("list", "info", "memory", "pull", "use", "remove", "convert"):
        assert command in overview
        assert f"fimbria models {command}" in terminal.text("models", command, "--help")


def test_a_piped_table_is_plain_and_aligned(terminal: Terminal, hub: FakeHub) -> None:
    terminal.text("models", "pull", NAME)
    terminal.text("models", "use", NAME)
    head, starter, used = terminal.text("models").splitlines()
    assert head.split() == ["Model", "Family", "Parameters", "Size", "Context", "Can"]
    assert starter.startswith("  starter ")
    assert used.startswith(f"● {NAME} ")
    for line in (starter, used):
        assert line[head.index("Family") :].startswith("Code Llama ")
        assert line[head.index("Can") :] == "completion, infilling"
        assert line[: head.index("Parameters") + len("Parameters")].endswith(" 8.0 M")


def test_a_terminals_table_is_not_wider_than_the_terminal(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FIMBRIA_MODEL", str(tmp_path / "[red]no[/red]"))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", terminal.text("models"))
    table, below = shown.split(f"{tmp_path / '[red]no[/red]'}: ")
    assert max(map(len, table.splitlines())) <= 80
    assert "cannot be" in table
    assert "completion," in table
    assert below.startswith("There is no model folder at")


def test_parameters_are_counted_by_the_weights_files(
    starter_folder: Path, folder: Path, terminal: Terminal
) -> None:
    planned = terminal.json("models", "memory", "starter")["num_parameters"]
    assert num_parameters_on_disk(starter_folder) == planned
    assert terminal.json("models", "info", "starter")["num_parameters"] == planned
    official = terminal.json("models", "info", "codellama/CodeLlama-7b-hf")
    assert official["num_parameters"] == 6_738_546_688
    assert "6.7 B" in terminal.text("models", "info", "codellama/CodeLlama-7b-hf")
    (weights,) = folder.glob("*.safetensors")
    for broken in (b"", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"[]", b"\x02" + b"\0" * 7 + b"{}"):
        weights.write_bytes(broken)
        assert num_parameters_on_disk(folder) is None
