"""Model names, the runtime folder and the listening socket."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from model_runtime.api import ModelNotFound, RuntimeUnavailable
from model_runtime.listening import MAX_SOCKET_PATH_BYTES, choose_transport, open_listener
from model_runtime.models import resolve_model
from model_runtime.places import (
    DaemonFiles,
    DaemonSpec,
    daemon_files,
    private_folder,
    runtime_folder,
)
from model_runtime.transport import (
    Endpoint,
    answers,
    process_ended,
    process_exists,
    read_endpoint,
    write_endpoint,
)


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
    assert "fimbria models pull codellama/CodeLlama-7b-hf" in caught.value.hint


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


@pytest.mark.parametrize(
    "spec", [DaemonSpec(context_length=4096), DaemonSpec(family="other")], ids=["context", "family"]
)
def test_so_do_context_length_and_family(spec: DaemonSpec, runtime_dir: Path) -> None:
    assert daemon_files(spec).key != daemon_files(DaemonSpec()).key
    chats_too = replace(spec, chat_model="a/b", kv_memory="1GiB", idle_timeout_s=5)
    assert daemon_files(chats_too).key == daemon_files(spec).key


def test_an_adapter_is_one_daemon_whatever_path_leads_to_it(
    runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    with pytest.raises(ModelNotFound, match="no LoRA adapter"):
        daemon_files(DaemonSpec(adapter=str(adapter)))
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (adapter / name).touch()
    monkeypatch.chdir(tmp_path)
    key = daemon_files(DaemonSpec(adapter=str(adapter))).key
    assert daemon_files(DaemonSpec(adapter="adapter/../adapter")).key == key
    assert daemon_files(DaemonSpec()).key != key


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


def test_a_folder_that_another_user_could_replace_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(RuntimeUnavailable, match="every user may rename"):
        private_folder(open_to_all / "mine")
    open_to_all.chmod(0o1777)  # as /tmp is
    assert private_folder(open_to_all / "mine").is_dir()


def test_a_folder_in_another_users_part_of_a_shared_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "shared" / "foreign"
    foreign.mkdir(parents=True)
    foreign.parent.chmod(0o1777)
    lstat = Path.lstat

    def lstat_of_somebody(path: Path) -> os.stat_result:
        status = list(lstat(path))
        if path == foreign:
            status[stat.ST_UID] = os.getuid() + 1
        return os.stat_result(status)

    monkeypatch.setattr(Path, "lstat", lstat_of_somebody)
    with pytest.raises(RuntimeUnavailable, match="foreign, which belongs to another user"):
        private_folder(foreign / "mine")


def test_a_system_without_a_safe_runtime_folder_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: str) -> Path:
        raise PermissionError("/tmp/runtime-0 is owned by uid 7")

    monkeypatch.delenv("FIMBRIA_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_runtime_path", refuse)
    with pytest.raises(RuntimeUnavailable, match="owned by uid 7") as caught:
        runtime_folder()
    assert "FIMBRIA_RUNTIME_DIR" in caught.value.hint


def test_a_folder_that_cannot_be_closed_to_others_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    folder = tmp_path / "open"
    folder.mkdir(0o755)
    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(RuntimeUnavailable, match="not permitted"):
        private_folder(folder)


def test_a_zombie_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process_exists(process.pid)
        assert process_ended(process.pid)
    assert process_ended(process.pid)
    assert not process_ended(os.getpid())


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
