"""Other files beside the one that is completed, as a family knows them from its training.
Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from model_runtime.api import CompletionRequest, Snippet
from model_runtime.control_text import encode_with_controls, find_shield_mark, shield
from model_runtime.families import Family, FileMarks
from model_runtime.tokenization import Tokenizer


def show_files(
    tokenizer: Tokenizer, family: Family, request: CompletionRequest, budget: int
) -> tuple[list[int], str]:
    """What stands before the infilling markers, and what stands before the prefix's text.

    Both are empty for families that know no other files. Whole snippets are left out, the first
    ones first, until the others take at most `budget` tokens.
    """
    marks = family.files
    if marks is None or (request.suffix is None and family.before):
        return [], ""
    if marks.in_prefix:
        return [], _in_prefix(tokenizer, marks, request, budget)
    if not (request.snippets or marks.always):
        return [], ""
    writer = _Writer(tokenizer, request)
    files = [writer.ids(marks.file, s.path, _whole_lines(s)) for s in request.snippets]
    kept = [i for ids in _last_within(files, budget) for i in ids]
    repository = writer.ids(marks.repository, request.repository) if kept else []
    current = writer.ids(marks.current, request.path)
    return [*repository, *kept, *current], marks.head.format(request.path) if kept else ""


def _in_prefix(
    tokenizer: Tokenizer, marks: FileMarks, request: CompletionRequest, budget: int
) -> str:
    """Plain text, all of it: these families have no tokens for files."""
    texts = [
        marks.file.format(snippet.path) + _whole_lines(snippet) for snippet in request.snippets
    ]
    encoded = [tokenizer.encode_continuation(text) for text in texts]
    num_kept = len(list(_last_within(encoded, budget)))
    if not num_kept:
        return ""
    return "\n".join([*texts[-num_kept:], marks.head.format(request.path)])


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
