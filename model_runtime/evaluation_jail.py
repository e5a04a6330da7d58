"""Runs a Python program where it can reach nothing: started as a script by `evaluation_sandbox`.

Reads the program from standard input. Namespaces (Linux) take away network, other processes, users
and files; what is left of the file system is the interpreter, read-only, and a small /tmp.
Limits hold memory, time, processes and files. Standard library only: it runs with `python -I -S`.

Three processes: this one maps users; its child makes the namespaces; that one's child is process 1
of the new ones, with whose end everything in them ends. The program is the child of that.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple

SETUP_FAILED = 125
"""Exit status when there is no jail, so that nothing was run; standard error says why."""
_TMP_SIZE = "16m"
_NOBODY = 65534
_INSIDE_NOBODY = 1

_CLONE_FLAGS = {
    "mount": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_SYS_MOUNT_SETATTR = 442  # the same on all architectures
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_SECUREBITS, _PR_SET_NO_NEW_PRIVS = 1, 24, 28, 38
_SECURE_NOROOT_LOCKED = 0b11
_LAST_CAPABILITY = 63

_SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/nix/store")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")

_PYTHON = os.path.realpath(sys.executable)
_libc = ctypes.CDLL(None, use_errno=True)

# Ending without an error is not enough to have passed: a program may end itself before its test.
# So it is followed by a word that nobody knows before.
_RUN = """
import os, sys
word, _, program = sys.stdin.buffer.read().partition(b"\\n")
null = os.open("/dev/null", os.O_RDWR)
told = os.dup(1)
for stream in (0, 1, 2):
    os.dup2(null, stream)
exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
os.write(told, word)
"""


class Orders(NamedTuple):
    """What the command line says. root: an empty folder to build on. show: whether the program may
    write to standard output, and need not tell its word. memory: bytes.
    """

    root: str
    show: bool
    memory: int
    num_processes: int

    @property
    def limits(self) -> tuple[tuple[int, int], ...]:
        """By resource."""
        return (
            (resource.RLIMIT_CPU, 5),
            (resource.RLIMIT_AS, self.memory),
            (resource.RLIMIT_FSIZE, 2**20),
            (resource.RLIMIT_NOFILE, 64),
            (resource.RLIMIT_NPROC, self.num_processes),
            (resource.RLIMIT_CORE, 0),
        )


def main(arguments: list[str]) -> int:
    """Run what standard input holds; the program's exit status, or SETUP_FAILED."""
    root, mode, memory, num_processes = arguments
    orders = Orders(root, mode == "show", int(memory), int(num_processes))
    ready_read, ready_write = os.pipe()
    mapped_read, mapped_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(mapped_write)
        os._exit(_guarded(lambda: _in_namespaces(orders, ready_write, mapped_read)))
    os.close(ready_write)
    if os.read(ready_read, 1):
        try:
            _map_users(child)
            os.write(mapped_write, b"1")
        except OSError as error:
            sys.stderr.write(f"users cannot be mapped: {error.strerror}\n")
    os.close(mapped_write)
    return _status_of(child)


def _in_namespaces(orders: Orders, ready: int, mapped: int) -> int:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _check(_libc.unshare(sum(_CLONE_FLAGS.values())), "namespaces")
    os.write(ready, b"1")
    if not os.read(mapped, 1):
        return SETUP_FAILED
    first = os.fork()
    if first == 0:
        os._exit(_guarded(lambda: _as_first_process(orders)))
    return _status_of(first)


def _as_first_process(orders: Orders) -> int:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _leave_files_behind(orders.root)
    child = os.fork()
    if child == 0:
        os._exit(_guarded(lambda: _run(orders)))
    return _status_of(child)


def _run(orders: Orders) -> int:
    """Give up every privilege and become the program's interpreter."""
    for kind, value in orders.limits:
        resource.setrlimit(kind, (value, value))
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for those that do not exist
    _prctl(_PR_SET_SECUREBITS, _SECURE_NOROOT_LOCKED)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if _has_nobody():
        os.setgroups([])
        os.setresgid(_INSIDE_NOBODY, _INSIDE_NOBODY, _INSIDE_NOBODY)
        os.setresuid(_INSIDE_NOBODY, _INSIDE_NOBODY, _INSIDE_NOBODY)
    code = "import sys; exec(compile(sys.stdin.read(), '<probe>', 'exec'))" if orders.show else _RUN
    os.execve(_PYTHON, [_PYTHON, "-I", "-S", "-c", code], {"PATH": "/usr/bin:/bin", "HOME": "/tmp"})


def _map_users(process: int) -> None:
    """Make the caller root inside. Root outside also lends nobody's number: limits on processes do
    not hold for root.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        maps = [f"0 {uid} 1\n{_INSIDE_NOBODY} {_NOBODY} 1\n"] * 2
    else:
        _write(f"/proc/{process}/setgroups", "deny")
        maps = [f"0 {uid} 1\n", f"0 {gid} 1\n"]
    _write(f"/proc/{process}/uid_map", maps[0])
    _write(f"/proc/{process}/gid_map", maps[1])


def _has_nobody() -> bool:
    try:
        os.setresgid(-1, _INSIDE_NOBODY, -1)
    except OSError:
        return False
    return True


def _leave_files_behind(root: str) -> None:
    """Build a file system of read-only views below `root` and make it the only one there is."""
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    for folder in (*_SYSTEM_FOLDERS, os.path.realpath(sys.base_prefix)):
        _show_read_only(folder, root)
    for device in _DEVICES:
        _show_read_only(device, root, is_device=True)
    os.mkdir(f"{root}/tmp")
    _set_attributes(root, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, recursive=False)
    options = f"size={_TMP_SIZE},mode=1777"
    _mount("tmpfs", f"{root}/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, options)
    os.chdir(root)
    _check(_libc.syscall(_SYS_PIVOT_ROOT[platform.machine()], b".", b"."), "a root of its own")
    _check(_libc.umount2(b".", _MNT_DETACH), "leaving the old root")
    os.chdir("/tmp")


def _show_read_only(path: str, root: str, *, is_device: bool = False) -> None:
    target = root + path
    if not os.path.lexists(path) or os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(path, target, None, _MS_BIND | _MS_REC)
    no_devices = 0 if is_device else _ATTR_NODEV
    _set_attributes(target, _ATTR_RDONLY | _ATTR_NOSUID | no_devices, recursive=True)


def _set_attributes(path: str, attributes: int, *, recursive: bool) -> None:
    """mount_setattr(2), Linux 5.12."""
    packed = struct.pack("QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    result = _libc.syscall(
        _SYS_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), flags, packed, len(packed)
    )
    _check(result, f"a read-only {path}")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(result, f"mounting {target}")


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0), "giving up privileges")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _write(file: str, text: str) -> None:
    with open(file, "w", encoding="ascii") as stream:
        stream.write(text)


def _guarded(action: Callable[[], int]) -> int:
    """A process's work, ending in an exit status whatever happens."""
    try:
        return action()
    except BaseException as error:  # noqa: BLE001 - a forked child must never run its parent's code
        text = error.strerror if isinstance(error, OSError) else repr(error)
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
        return SETUP_FAILED


def _status_of(process: int) -> int:
    """The exit status of a child; 1 where a signal ended it."""
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return 1 if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
