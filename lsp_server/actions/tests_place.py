"""Where tests of a file belong, by the custom of its language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def can_have_tests(grammar: str) -> bool:
    """Whether it is known where tests in this language go."""
    return grammar in _PLACES


def tests_file(grammar: str, path: Path, root: Path | None) -> Path:
    """The file for tests of the file at `path`, which may be that file itself: a test file, or
    where the language keeps tests beside the code. root: the workspace's folder.

    Raises KeyError for a language without a known custom.
    """
    return _PLACES[grammar](path, root)


def _python(path: Path, root: Path | None) -> Path:
    if path.stem.startswith("test_") or path.stem.endswith("_test"):
        return path
    name = f"test_{path.stem}.py"
    folder = _test_folder(path, root)
    if folder is None:
        return path.with_name(name)
    return next(iter(sorted(folder.rglob(name))), folder / name)


def _test_folder(path: Path, root: Path | None) -> Path | None:
    for parent in path.parents:
        for name in ("tests", "test"):
            if (parent / name).is_dir():
                return parent / name
        if parent == root or root is None:
            break
    return None


def _script(path: Path, _root: Path | None) -> Path:
    if ".test." in path.name or ".spec." in path.name:
        return path
    folder = path.with_name("__tests__")
    name = f"{path.stem}.test{path.suffix}"
    return folder / name if folder.is_dir() else path.with_name(name)


def _go(path: Path, _root: Path | None) -> Path:
    return path if path.stem.endswith("_test") else path.with_name(f"{path.stem}_test.go")


def _java(path: Path, _root: Path | None) -> Path:
    if path.stem.endswith("Test"):
        return path
    parts = list(path.parts)
    if "main" in parts:  # Maven's and Gradle's folders: src/main/… and src/test/…
        last = len(parts) - 1 - parts[::-1].index("main")
        parts[last] = "test"
    return Path(*parts).with_name(f"{path.stem}Test{path.suffix}")


def _ruby(path: Path, root: Path | None) -> Path:
    if path.stem.endswith(("_spec", "_test")):
        return path
    has_specs = root is not None and (root / "spec").is_dir()
    ending, folder = ("_spec", "spec") if has_specs else ("_test", "test")
    beside = path.with_name(f"{path.stem}{ending}.rb")
    in_folder = root is not None and (root / folder).is_dir()
    return root / folder / beside.name if root is not None and in_folder else beside


def _same(path: Path, _root: Path | None) -> Path:
    return path


_PLACES: dict[str, Callable[[Path, Path | None], Path]] = {
    "python": _python,
    "javascript": _script,
    "typescript": _script,
    "tsx": _script,
    "go": _go,
    "java": _java,
    "kotlin": _java,
    "ruby": _ruby,
    "rust": _same,
}
