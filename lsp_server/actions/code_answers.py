"""What a chat model has answered → the code that was asked for.

Models wrap code in fences, greet before it, explain after it, or repeat the whole file.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")
_THOUGHTS = re.compile(r"\A\s*<think(ing)?>.*?(</think(ing)?>|\Z)", re.DOTALL)
_ALIKE = 0.6
_GREETING = re.compile(
    r"(sure|certainly|of course|okay|ok|here|below|the (following|fixed|updated|corrected|"
    r"simplified|rewritten|completed|annotated)|this is|i('ve| have)|to (fix|simplify)|answer)\b"
    r"[^\n]*[:.!]$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(note|explanation|this (code|function|version|change|fixes|will|way)|the (above|code|"
    r"function|change)|i('ve| have)|in this|changes( made)?|let me know|hope|as you can see)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """Code as a model has written it; language: as its fence says."""

    language: str
    code: str
    is_fenced: bool = True


def code_of(answer: str, old: str = "") -> str:
    """The code in an answer, with `\\n` for line breaks; empty if there is none. See `codes_of`."""
    return next((block.code for block in codes_of(answer, old)), "")


def codes_of(answer: str, old: str = "") -> list[Block]:
    """What may be the code in an answer, the best first.

    old: the code that was to be changed. Of several fenced blocks that are like it the last one is
    taken, because answers show what was before what is; not one that merely quotes it. Without a
    fence, text that has no word in common with it is no code.
    """
    answer = _THOUGHTS.sub("", re.sub(r"\r\n?", "\n", answer), count=1)
    fenced = list(_fenced_blocks(answer))
    if not fenced:
        code = _without_chatter(answer, old)
        is_code = code and (not _words(old) or _words(code) & _words(old))
        return [Block("", code, is_fenced=False)] if is_code else []
    blocks = [block for block in fenced if block.code.strip()]
    others = [block for block in blocks if block.code.strip() != old.strip()] or blocks
    if not old:
        return others
    likenesses = [_likeness(_stripped(block.code), _stripped(old)) for block in others]
    least = max(likenesses, default=0) / 2
    by_place = list(zip(likenesses, others, strict=True))[::-1]
    return [block for _, block in sorted(by_place, key=lambda each: each[0] < least)]


def in_place(code: str, old: str) -> str:
    """The old code with the lines that a few new ones are for replaced; empty where that is not
    clear.
    """
    new, lines = textwrap.dedent(code).strip("\n").split("\n"), old.split("\n")
    found = sorted(
        (_similarity(new, lines[at : at + len(new)]), at) for at in range(len(lines) - len(new) + 1)
    )
    if not found or found[-1][0] < _ALIKE or (len(found) > 1 and found[-2][0] + 0.1 > found[-1][0]):
        return ""
    at = found[-1][1]
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    return "\n".join([*lines[:at], *(indent + line for line in new), *lines[at + len(new) :]])


def _similarity(some: Sequence[str], others: Sequence[str]) -> float:
    one, other = ("\n".join(line.strip() for line in lines) for lines in (some, others))
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w+", text))


def _fenced_blocks(answer: str) -> Iterator[Block]:
    """What lies between fences, as in Markdown; a last one that is not closed goes to the end. A
    fence further to the right closes none: it belongs to a docstring within the code.
    """
    block: list[str] | None = None
    opening, language, furthest = "", "", 0
    for line in answer.split("\n"):
        match = _FENCE.match(line)
        if block is None:
            if match:
                block, opening, furthest = [], match["fence"], len(match["indent"]) + 3
                language = match["info"].strip().lower()
        elif match and _closes(match, opening, furthest):
            yield Block(language, _joined(block))
            block = None
        else:
            block.append(line)
    if block is not None:
        yield Block(language, _joined(block))


def _closes(match: re.Match[str], opening: str, furthest: int) -> bool:
    is_bare = match["fence"].startswith(opening) and not match["info"].strip()
    return is_bare and len(match["indent"]) <= furthest


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _likeness(block: str, old: str) -> float:
    return SequenceMatcher(None, block.split("\n"), old.split("\n"), autojunk=False).ratio()


def _without_chatter(answer: str, old: str) -> str:
    lines = answer.strip("\n").split("\n")
    if len(lines) == 1 and re.fullmatch(r"\s*`[^`]+`\s*", lines[0]):
        return lines[0].strip().strip("`") + "\n"
    first = 0
    while first < len(lines) and _is_greeting(lines[first], old):
        first += 1
    last = len(lines)
    for at in range(len(lines) - 1, first, -1):
        if not lines[at - 1].strip() and _CLOSING.match(lines[at]) and lines[at] not in old:
            last = at
    code = "\n".join(lines[first:last]).strip("\n")
    return f"{code}\n" if code.strip() else ""


def _is_greeting(line: str, old: str) -> bool:
    return not line.strip() or (bool(_GREETING.match(line.strip())) and line.strip() not in old)


def without_surroundings(code: str, before: str, after: str, old: str = "") -> str:
    """Leave out what an answer repeats of the lines around the code that it stands for.

    A whole file that was repeated with a change only where one was asked for comes down to that
    part; so does a part with a few of the lines before and after it. Anything else stays as it is.
    old: the code that stood there; what is left must be more like it than all was, because code may
    well begin or end as its surroundings do: `end` follows `end`.
    """
    lines = code.removesuffix("\n").split("\n")
    num_before = _num_repeated(lines, before.split("\n"))
    num_after = _num_repeated(lines[::-1], after.split("\n")[::-1])
    cuts = {(first, last) for first in (0, num_before) for last in (0, num_after)}
    parts = [_part(lines, first, last) for first, last in sorted(cuts)]
    if not old.strip():
        return parts[-1]
    return max(parts, key=lambda part: _likeness(_stripped(part), _stripped(old)))


def _part(lines: Sequence[str], num_before: int, num_after: int) -> str:
    return _joined(lines[num_before : max(num_before, len(lines) - num_after)])


def _stripped(code: str) -> str:
    return "\n".join(line.strip() for line in code.split("\n") if line.strip())


def _num_repeated(lines: Sequence[str], around: Sequence[str]) -> int:
    """How many of the first lines are the last ones of `around`; blank lines do not count."""
    wanted = [line.strip() for line in around if line.strip()]
    given = [(at, line.strip()) for at, line in enumerate(lines) if line.strip()]
    for count in range(min(len(wanted), len(given)), 0, -1):
        repeated = [line for _, line in given[:count]]
        if repeated == wanted[-count:] and any(re.search(r"\w", line) for line in repeated):
            return given[count - 1][0] + 1
    return 0
