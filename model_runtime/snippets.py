"""Other files beside the one that is completed, as a family knows them from its training.
Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from model_runtime.api import CompletionRequest, OtherFiles, Snippet
from model_runtime.control_text import encode_with_controls, find_shield_mark, shield
from model_runtime.families import Family, FileMarks
from model_runtime.tokenization import Tokenizer

_COMMENT_SUFFIXES = {
    "//": "c cc cpp cs cu cxx d dart go h hpp java js jsx kt m mjs php proto rs scala swift ts tsx "
    "v zig",
    "#": "awk bash cmake coffee cr ex exs fish gd jl make mk nim nix pl pm ps1 py pyi pyx r rb sh "
    "tcl tf toml yaml yml zsh",
    "--": "ada adb ads elm hs lua sql vhd vhdl",
    ";": "clj el lisp scm",
    "%": "erl m4 tex",
}
_COMMENT_MARKS = {
    f".{suffix}": mark for mark, names in _COMMENT_SUFFIXES.items() for suffix in names.split()
}


@dataclass(frozen=True, slots=True)
class ShownFiles:
    """Ids of other files. before: what stands before the infilling markers. head: what stands
    before the prefix's text.
    """

    before: Sequence[int] = ()
    head: Sequence[int] = ()


def use_of_files(family: Family, room: int) -> OtherFiles:
    """Whether prompts of `room` tokens show other files."""
    is_shown = family.files is not None and room >= family.files.least_room
    return OtherFiles.SHOWN if is_shown else OtherFiles.IGNORED


def show_files(
    tokenizer: Tokenizer, family: Family, request: CompletionRequest, room: int
) -> ShownFiles:
    """Both parts are empty for families that know no other files. Whole snippets are left out, the
    first ones first, until the others take at most the family's share of `room` tokens.
    """
    marks = family.files
    if marks is None or room < marks.least_room or (request.suffix is None and family.before):
        return ShownFiles()
    budget = room // marks.share
    if marks.in_prefix:
        return ShownFiles(head=tokenizer.encode(_in_prefix(tokenizer, marks, request, budget)))
    if not (request.snippets or marks.always):
        return ShownFiles()
    writer = _Writer(tokenizer, request)
    files = [writer.ids(marks.file, s.path, _whole_lines(s)) for s in request.snippets]
    kept = [i for ids in _last_within(files, budget) for i in ids]
    repository = writer.ids(marks.repository, request.repository) if kept else []
    current = writer.ids(marks.current, request.path)
    head = tokenizer.encode_continuation(marks.head.format(request.path)) if kept else []
    return ShownFiles([*repository, *kept, *current], head)


def _in_prefix(
    tokenizer: Tokenizer, marks: FileMarks, request: CompletionRequest, budget: int
) -> str:
    """Plain text, all of it: these families have no tokens for files."""
    comment = _COMMENT_MARKS.get(PurePosixPath(request.path).suffix.lower(), "")
    if marks.commented and not comment:
        return ""
    texts = [
        marks.file.format(snippet.path) + _whole_lines(snippet) for snippet in request.snippets
    ]
    if marks.commented:
        texts = [_commented(text, comment) for text in texts]
    encoded = [tokenizer.encode_continuation(text) for text in texts]
    num_kept = len(list(_last_within(encoded, budget)))
    if not num_kept:
        return ""
    head = marks.head.format(request.path)
    return "\n".join([*texts[-num_kept:], _commented(head, comment) if marks.commented else head])


def _commented(text: str, mark: str) -> str:
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{mark} {line}".rstrip() + "\n" for line in lines)


class _Writer:
    """Encodes a family's marks with the user's texts between them."""

    def __init__(self, tokenizer: Tokenizer, request: CompletionRequest) -> None:
        self._tokenizer = tokenizer
        texts = (part for snippet in request.snippets for part in (snippet.path, snippet.text))
        self._mark = find_shield_mark((request.path, request.repository, *texts))

    def ids(self, form: str, name: str, text: str = "") -> list[int]:
        pieces = self._tokenizer.control_pieces
        written = form.replace("{}", shield(name, pieces, self._mark))
        written += shield(text, pieces, self._mark)
        return encode_with_controls(self._tokenizer, written, self._mark, continues=True)


def _whole_lines(snippet: Snippet) -> str:
    return snippet.text if snippet.text.endswith("\n") else snippet.text + "\n"


def _last_within(files: Sequence[Sequence[int]], budget: int) -> Iterable[Sequence[int]]:
    kept: list[Sequence[int]] = []
    for ids in reversed(files):
        budget -= len(ids)
        if budget < 0:
            break
        kept.append(ids)
    return reversed(kept)
