"""Places in source files where something is to be completed, with the right answer."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

from lsp_server.context.windows import CursorContext, cursor_context
from lsp_server.source_text import SourceText
from training.corpus.build import Document, load_split
from training.evaluation.tasks import (
    Item,
    random_span_items,
    rest_of_line_items,
    single_line_items,
)
from training.fim import Hole
from training.folders import StateFolder

_LANGUAGES = (
    "py pyi c h cc cpp hpp cs go java js jsx ts tsx kt lua php rb rs scala sh sql svelte swift vue "
    "zig"
)
SOURCE_SUFFIXES = frozenset(f".{name}" for name in _LANGUAGES.split())
_LEAST_CHARS, _MOST_CHARS = 200, 250_000
_SAMPLE_SEED = 3
_TYPING_SEED = 11


def held_out_documents(state: StateFolder) -> list[Document]:
    """The files that the starter's training has not seen. Raises OSError where there are none."""
    return [*load_split(state.corpus, "val_in"), *load_split(state.corpus, "val_out")]


def documents_in(folder: Path) -> list[Document]:
    """The source files of a folder, in a fixed order. Raises ValueError if there are none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in SOURCE_SUFFIXES)
    found = [
        Document(folder.name, file.relative_to(folder).as_posix(), text)
        for file in files
        if file.is_file() and (text := read_text(file))
    ]
    if not found:
        raise ValueError(f"{folder} holds no source files of a sensible size.")
    return found


def single_lines(folder: Path, count: int) -> list[Item]:
    """HumanEval single-line infilling, a fixed sample of it."""
    return _sampled(single_line_items(folder), count)


def random_spans(folder: Path, count: int) -> list[Item]:
    """HumanEval random-span infilling (light), a fixed sample of it."""
    return _sampled(random_span_items(folder), count)


def rests_of_lines(documents: Sequence[Document], count: int) -> list[Item]:
    """Fixed places inside lines of code, at least two characters before their end."""
    return rest_of_line_items(documents, count)


def typed_places(documents: Sequence[Document], count: int) -> list[Item]:
    """What an editor asks about while somebody types: any place behind the first character of any
    line, comments and finished lines included. Nothing is missing at the end of a line.
    """
    rng = random.Random(_TYPING_SEED)
    weights = [min(len(document.text), 20_000) for document in documents]
    items: list[Item] = []
    while len(items) < count:
        (document,) = rng.choices(documents, weights)
        text, at = document.text, rng.randint(1, len(document.text))
        if text[text.rfind("\n", 0, at) + 1 : at].strip():
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            items.append(
                Item(name_of(document), Hole(text[:at], text[at:end], text[end:])),
            )
    return items


def context_of(item: Item) -> CursorContext:
    """What the language server would see at the cursor."""
    hole = item.hole
    return cursor_context(SourceText.of(hole.prefix + hole.suffix), len(hole.prefix))


def in_first_half(file: str) -> bool:
    """Which half a file belongs to: one to choose by, one to check with."""
    return hashlib.sha256(file.encode()).digest()[0] % 2 == 0


def halves(items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Divide items so that no file has some in both halves."""
    first = [item for item in items if in_first_half(item.problem)]
    return first, [item for item in items if not in_first_half(item.problem)]


def name_of(document: Document) -> str:
    """What an item calls the file that it comes from."""
    return f"{document.package}/{document.path}"


def _sampled(items: list[Item], count: int) -> list[Item]:
    return items if count >= len(items) else random.Random(_SAMPLE_SEED).sample(items, count)


def read_text(file: Path) -> str:
    """The text with `\\n` for line breaks; nothing for what is no text, or too short or long."""
    try:
        text = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return ""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if _LEAST_CHARS <= len(text) <= _MOST_CHARS else ""
