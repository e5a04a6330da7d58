"""A daemon whose files somebody damages or removes while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model_runtime.client import DaemonSpec
from model_runtime.places import DaemonFiles, daemon_files
from model_runtime.transport import read_endpoint
from tests.daemon.fakes import FakeEngine
from tests.daemon.serving import REQUEST, Serving, with_daemon
from tests.daemon.waiting import eventually

DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "emptied": lambda file: file.write_text(""),
    "overwritten": lambda file: file.write_text('{"pid": 1}'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_a_damaged_endpoint_file_is_written_again(
    runtime_dir: Path, damage: Callable[[Path], object], transport: str
) -> None:
    spec = DaemonSpec(transport=transport)

    async def use(daemon: Serving) -> None:
        file = daemon_files(spec).endpoint
        damage(file)

        async def mended() -> bool:
            return read_endpoint(file) == daemon.endpoint

        await eventually(mended)
        assert (await daemon.runtime.complete(REQUEST)).text == "x"

    with_daemon(FakeEngine("x"), use, spec=spec)


def delete_socket(files: DaemonFiles) -> None:
    files.socket.unlink()


def replace_socket(files: DaemonFiles) -> None:
    files.socket.rename(files.socket.with_suffix(".old"))
    files.socket.touch()


def delete_lock(files: DaemonFiles) -> None:
    files.lock.unlink()


def delete_folder(files: DaemonFiles) -> None:
    shutil.rmtree(files.folder)


@pytest.mark.parametrize(
    "damage", [delete_socket, replace_socket, delete_lock, delete_folder], ids=lambda f: f.__name__
)
def test_a_daemon_that_nobody_can_find_ends(
    runtime_dir: Path, damage: Callable[[DaemonFiles], None]
) -> None:
    async def use(daemon: Serving) -> None:
        await daemon.runtime.info()
        damage(daemon_files(DaemonSpec()))
        await daemon.ended

    with_daemon(FakeEngine(), use)
    runtime_dir.mkdir(exist_ok=True)


def test_what_has_become_another_daemons_is_left_to_it(runtime_dir: Path) -> None:
    files = daemon_files(DaemonSpec())
    others = '{"pid": 1, "model": "m", "device": "cpu", "dtype": "auto"}'

    async def use(daemon: Serving) -> None:
        replace_socket(files)
        files.endpoint.write_text(others)
        await daemon.ended

    with_daemon(FakeEngine(), use)
    assert files.socket.exists()
    assert files.endpoint.read_text() == others
