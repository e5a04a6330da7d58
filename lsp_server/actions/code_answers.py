"""What a chat model has answered → the code that was asked for.

Models wrap code in fences, greet before it, explain after it, or repeat the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")
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


def code_of(answer: str, old: str = "") -> str:
    """The code in an answer, with `\\n` for line breaks; empty if there is none.

    old: the code that was to be changed. Of several fenced blocks the one most like it is taken,
    and not one that merely quotes it. Without a fence, text that has no word in common with it is
    no code.
    """
    answer = re.sub(r"\r\n?", "\n", answer)
    fenced = list(_fenced_blocks(answer))
    if not fenced:
        code = _without_chatter(answer, old)
        return code if not _words(old) or _words(code) & _words(old) else ""
    blocks = [block for block in fenced if block.strip()]
    others = [block for block in blocks if block.strip() != old.strip()]
    if not blocks:
        return ""
    return max(others or blocks, key=lambda block: _likeness(block, old))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w+", text))


def _fenced_blocks(answer: str) -> Iterator[str]:
    """What lies between fences, as in Markdown; a last one that is not closed goes to the end. A
    fence further to the right closes none: it belongs to a docstring within the code.
    """
    block: list[str] | None = None
    opening, furthest = "", 0
    for line in answer.split("\n"):
        match = _FENCE.match(line)
        if block is None:
            if match:
                block, opening, furthest = [], match["fence"], len(match["indent"]) + 3
        elif match and _closes(match, opening, furthest):
            yield _joined(block)
            block = None
        else:
            block.append(line)
    if block is not None:
        yield _joined(block)


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
