"""Model names, the runtime folder and the listening socket."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from model_runtime.api import ModelNotFound, RuntimeUnavailable
from model_runtime.listening import MAX_SOCKET_PATH_BYTES, choose_transport, open_listener
from model_runtime.models import resolve_model
from model_runtime.places import DaemonFiles, DaemonSpec, daemon_files, private_folder
from model_runtime.transport import Endpoint, answers, read_endpoint, write_endpoint


def test_the_starter_is_found_by_name_and_by_folder(starter_folder: Path) -> None:
    assert resolve_model("starter") == starter_folder
    assert resolve_model(f"{starter_folder}/../starter") == starter_folder


@pytest.mark.parametrize("name", ["", "/nowhere/at/all", "~nobody-of-that-name/x", "a\0b"])
def test_a_missing_model_says_what_to_give_instead(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        resolve_model(name)
    assert "starter" in caught.value.hint


def test_a_name_of_the_hub_comes_with_the_command_to_download_it() -> None:
    with pytest.raises(ModelNotFound) as caught:
        resolve_model("codellama/CodeLlama-7b-hf")
    assert "hf download codellama/CodeLlama-7b-hf" in caught.value.hint


def test_an_incomplete_folder_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"config\.json is missing"):
        resolve_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelNotFound, match=r"model\.safetensors is missing"):
        resolve_model(str(tmp_path))


def test_model_device_and_dtype_make_the_key(runtime_dir: Path, starter_folder: Path) -> None:
    key = daemon_files(DaemonSpec()).key
    assert daemon_files(DaemonSpec(model=str(starter_folder), transport="tcp")).key == key
    assert daemon_files(DaemonSpec(device="cpu")).key != key
    assert daemon_files(DaemonSpec(dtype="bfloat16")).key != key


def test_a_runtime_folder_is_made_private(tmp_path: Path) -> None:
    made = private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    made.chmod(0o755)
    private_folder(made)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(RuntimeUnavailable, match="belongs to another user") as caught:
        private_folder(tmp_path)
    assert "FIMBRIA_RUNTIME_DIR" in caught.value.hint


def test_shared_folders_links_and_files_are_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    file = tmp_path / "file"
    file.touch()
    for place in (shared, link, file):
        with pytest.raises(RuntimeUnavailable):
            private_folder(place)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


def test_a_socket_is_for_this_user_only_and_leaves_nothing_behind(runtime_dir: Path) -> None:
    files = daemon_files(DaemonSpec())
    files.socket.touch()  # left behind by a daemon that was killed
    listener = open_listener(DaemonSpec(), files, pytest.fail)
    assert listener.path == str(files.socket)
    assert stat.S_IMODE(files.socket.stat().st_mode) == 0o600
    listener.close()
    assert not files.socket.exists()


def test_a_long_path_falls_back_to_a_short_private_folder(
    runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(runtime_dir))
    folder = runtime_dir / ("x" * MAX_SOCKET_PATH_BYTES)
    warnings: list[str] = []
    listener = open_listener(DaemonSpec(), DaemonFiles(folder, "key"), warnings.append)
    path = Path(listener.path)
    assert len(warnings) == 1
    assert str(path) in warnings[0]
    assert path.parent.parent == runtime_dir
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    listener.close()


def test_two_long_folders_have_two_sockets(
    runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(runtime_dir))
    paths = set()
    for letter in "xy":
        files = DaemonFiles(runtime_dir / (letter * MAX_SOCKET_PATH_BYTES), "key")
        listener = open_listener(DaemonSpec(), files, lambda _: None)
        paths.add(listener.path)
        listener.close()
    assert len(paths) == 2


def test_transport_comes_from_the_spec_then_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIMBRIA_TRANSPORT", "tcp")
    assert choose_transport(DaemonSpec()) == "tcp"
    assert choose_transport(DaemonSpec(transport="unix")) == "unix"
    with pytest.raises(RuntimeUnavailable, match="pigeon"):
        choose_transport(DaemonSpec(transport="pigeon"))


def test_tcp_listens_on_loopback_with_a_new_token_each_time(runtime_dir: Path) -> None:
    spec = DaemonSpec(transport="tcp")
    listeners = [open_listener(spec, daemon_files(spec), pytest.fail) for _ in range(2)]
    assert {listener.socket.getsockname()[0] for listener in listeners} == {"127.0.0.1"}
    assert len({listener.token for listener in listeners}) == 2
    assert min(len(listener.token) for listener in listeners) >= 32
    for listener in listeners:
        listener.close()


def test_an_endpoint_file_is_private_and_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    endpoint = Endpoint(port=1, token="t", pid=2, model="m", device="cpu", dtype="auto")
    write_endpoint(file, endpoint)
    write_endpoint(file, endpoint)
    assert read_endpoint(file) == endpoint
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key.json"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"wings": 2}', "null"])
def test_an_endpoint_file_of_another_version_counts_as_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key.json"
    file.write_text(content)
    assert read_endpoint(file) is None


def test_nobody_answers_at_an_old_endpoint(tmp_path: Path) -> None:
    old = Endpoint(
        path=str(tmp_path / "gone.sock"), pid=os.getpid(), model="m", device="cpu", dtype="auto"
    )
    assert not answers(old)
