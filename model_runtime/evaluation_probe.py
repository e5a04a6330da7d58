"""What a probe tries in the jail: a program's text, which finds `BAIT` defined before it."""

from __future__ import annotations

PROBE = r"""
import ctypes, json, os, signal, socket, sys

def reach_loopback():
    socket.create_connection(("127.0.0.1", BAIT["port"]), timeout=1).close()

def reach_abstract_socket():
    with socket.socket(socket.AF_UNIX) as link:
        link.connect("\0" + BAIT["name"])

def reach_the_world():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect(("192.0.2.1", 53))
        link.send(b"x")

def read_a_file():
    with open(BAIT["folder"] + "/secret") as file:
        print(file.read())

def list_homes():
    assert os.listdir("/home") or os.listdir("/root")

def read_users():
    open("/etc/passwd").close()

def write_a_file():
    with open(BAIT["folder"] + "/left-behind", "w") as file:
        file.write("x")

def write_to_the_system():
    with open("/usr/left-behind", "w") as file:
        file.write("x")

def write_to_python():
    with open(os.path.dirname(os.__file__) + "/left_behind.py", "w") as file:
        file.write("x")

def write_to_the_root():
    os.mkdir("/left-behind")

def end_a_process():
    os.kill(BAIT["pid"], signal.SIGKILL)

def mount():
    libc = ctypes.CDLL(None)
    assert libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0

def change_the_root():
    os.chroot("/tmp")

def become_another_user():
    others = [uid for uid in (0, 1) if uid != os.getuid()]
    os.setresuid(others[0], others[0], others[0])

def take_memory():
    bytearray(BAIT["memory"] + 1)

def write_much():
    with open("/tmp/much", "wb") as file:
        for _ in range(64):
            file.write(bytes(2**20))

def start_many():
    children = []
    try:
        for _ in range(4 * BAIT["processes"]):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert len(children) > BAIT["processes"]

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
found = []
for attempt in (
    reach_loopback, reach_abstract_socket, reach_the_world, read_a_file, list_homes, read_users,
    write_a_file, write_to_the_system, write_to_python, write_to_the_root, end_a_process, mount,
    change_the_root, become_another_user, take_memory, write_much, start_many,
):
    try:
        attempt()
    except (OSError, AssertionError, MemoryError):
        continue
    found.append(attempt.__name__.replace("_", " "))
print(json.dumps(found))
"""
