"""Python files that an installation of the project brings, with their licences."""

import importlib.metadata
import os
import platform
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STDLIB = "stdlib"

# Whole packages that training never sees: the honest measure for a user's own code.
HELD_OUT = frozenset(
    {"click", "h11", "cattrs", "cattr", "pluggy", "markdown_it", "sortedcontainers"}
)
# A vendored copy of a held-out package would leak it into training.
HELD_OUT_COPIES = ("typer/_click/",)

FORBIDDEN_LICENCE = re.compile(
    r"GPL|MPL|Mozilla|EUPL|CDDL|Proprietary|NonCommercial", re.IGNORECASE
)
PERMITTED_LICENCE = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|Zlib|Unlicense|CC0", re.IGNORECASE
)

SKIPPED_FOLDERS = frozenset(
    {
        *("tests", "test", "testing", "_internal_tests", "idle_test"),
        *("_vendor", "vendored", "third_party", "site-packages", "ensurepip", "lib2to3"),
        *("turtledemo", "pydoc_data", "encodings", "serialized_patterns", "typeshed"),
        "__pycache__",
    }
)
SKIPPED_PACKAGES = frozenset({"pip", "_distutils_hack", "pkg_resources"})
# Tables and generated files: many tokens, nothing to learn.
SKIPPED_FILES = re.compile(
    r"dummy_.*_objects\.py|_builtins\.py|unistring\.py|idnadata\.py|uts46data\.py|package_data\.py"
    r"|topics\.py|_pb2\.py|/_mapping\.py|unicode_codes|_emoji_codes|_cell_widths|_emoji_replace"
    r"|_palettes|/_symbol_table|rubi|_unicode_data|lsprotocol/types\.py|sre_constants|/keysymdef"
    r"|/setuptools/_distutils/|_meta_registrations_gen|/hf_argparser_x"
)


@dataclass(frozen=True)
class Package:
    """A distribution whose source may be trained on."""

    name: str
    version: str
    licence: str


@dataclass(frozen=True)
class SourceFile:
    """One Python file: `path` is relative to the folder that imports start from."""

    package: str
    path: str
    location: Path


def declared_licence(metadata: importlib.metadata.PackageMetadata) -> str:
    """What a distribution's metadata says about its licence, on one line."""
    fields = metadata.json
    expression = str(fields.get("license_expression", ""))
    free_text = str(fields.get("license", "")).split("\n")[0]
    classifiers = [
        line.rsplit("::", 1)[-1].strip()
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License")
    ]
    return expression or "; ".join(dict.fromkeys(filter(None, [free_text, *classifiers])))


def is_permissive(licence: str) -> bool:
    """Whether a declared licence names a permissive licence and no other kind."""
    return bool(PERMITTED_LICENCE.search(licence)) and not FORBIDDEN_LICENCE.search(licence)


def permitted_packages() -> dict[str, Package]:
    """Top-level module name → distribution, for permissively licensed ones and the stdlib."""
    found = {STDLIB: Package("Python standard library", platform.python_version(), "PSF-2.0")}
    for module, names in importlib.metadata.packages_distributions().items():
        owners = [importlib.metadata.distribution(name) for name in sorted(set(names))]
        licence = "; ".join(declared_licence(owner.metadata) for owner in owners)
        if all(is_permissive(declared_licence(owner.metadata)) for owner in owners):
            name = ", ".join(owner.metadata["Name"] for owner in owners)
            found[module] = Package(name, owners[0].version, licence)
    return found


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Every wanted `.py` file under `root` with its relative path, in a fixed order."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if name not in SKIPPED_FOLDERS and not name.endswith(".dist-info")
        )
        for name in sorted(names):
            location = Path(folder) / name
            relative = location.relative_to(root).as_posix()
            if name.endswith(".py") and not SKIPPED_FILES.search("/" + relative):
                yield relative, location


def source_files(packages: dict[str, Package]) -> Iterator[SourceFile]:
    """The files of the standard library and of every permitted package."""
    paths = sysconfig.get_paths()
    for relative, location in _walk(Path(paths["stdlib"])):
        yield SourceFile(STDLIB, relative, location)
    for relative, location in _walk(Path(paths["purelib"])):
        module = relative.split("/")[0].removesuffix(".py")
        wanted = module in packages and module not in SKIPPED_PACKAGES
        if wanted and not relative.startswith(HELD_OUT_COPIES):
            yield SourceFile(module, relative, location)
