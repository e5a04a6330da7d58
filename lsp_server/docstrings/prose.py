"""Raw model text → one sentence that can stand in any docstring, or the fallback."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from lsp_server.docstrings.type_labels import without_type

MAX_CHARS = 160

_LINE_END = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_QUOTES = re.compile("\"{2,}|'{2,}|`{3,}")
_ENDS_COMMENT = re.compile(r"\*+/|/\*+|<!--|-->")
_LEADING_MARKS = re.compile(r"^[^\w(\[{<`'\"*]+|^\*+\s+")
_LABEL = re.compile(r"^(\w+)(?:\s+\w+)?\s*(\([^()]*\))?\s*(?:--?|[:–—=])\s+")
_HEADING = re.compile(
    r"(args|arguments|parameters|params|returns?|yields?|raises|attributes|keyword args|"
    r"other parameters|keyword arguments|exceptions?|param|type|rtype)\b([^.]{0,20}:.*|\W*)",
    re.IGNORECASE,
)
_CODE = re.compile(r"(>>>|\.\.\.|def |class |return |import |from \w+ import|self\.|raise |@\w)")
_SENTENCE_END = re.compile(r"(?<![.\s]\w)(?<!e\.g)(?<!i\.e)(?<!etc)[.!?](?=\s|$)")
_JOINER = "\u200d"
_MIN_LETTERS = 3
_LOOSE = "a|an|and|are|be|by|for|from|given|if|in|is|its|of|or|that|the|to|which|will|with"
"""No sentence ends with these words."""
_SMALL_WORDS = frozenset([*_LOOSE.split("|"), "it", "not", "on", "this", "use", "used"])
_LOOSE_END = re.compile(rf"(?:[\s,;:.(\[{{=\-–—]|(?<=\s)(?:{_LOOSE}))+$", re.IGNORECASE)


def cleaned(
    raw: str,
    *,
    subject: str,
    fallback: str,
    is_clause: bool = False,
    opens_with_type: bool = False,
) -> str:
    """Make one sentence of a model's text; `fallback` where nothing of it is usable.

    subject: what it is about; a label with this name is left out. is_clause: the text goes on with
    a sentence that has begun, so its first letter stays small. opens_with_type: at this place a
    docstring's reader takes anything before a colon for a type.
    """
    line = _LINE_END.split(raw.lstrip(" \t"), maxsplit=1)[0]
    line = "".join(map(_harmless, line)).replace("\\", "")
    line = _QUOTES.split(line, maxsplit=1)[0]
    line = " ".join(_ENDS_COMMENT.sub(" ", line).split())
    if _CODE.match(line):
        return fallback
    line = _without_label(_LEADING_MARKS.sub("", line), subject)
    if _HEADING.fullmatch(line):
        return fallback
    line = without_type(line, may_open_with_type=opens_with_type)
    line = without_type(_first_sentence(line))
    if not _is_usable(line):
        return fallback
    return line if is_clause else _capitalised(line, subject)


def _harmless(char: str) -> str:
    """Control characters, halves of pairs and marks that turn the direction of writing go."""
    if char == _JOINER or unicodedata.category(char)[0] not in "CZ":
        return char
    return "" if unicodedata.category(char) == "Cf" else " "


def _without_label(line: str, subject: str) -> str:
    match = _LABEL.match(line)
    if match is None:
        return line
    is_label = match[2] or match[1] in (subject, "param", "return", "returns", "summary")
    return line[match.end() :].lstrip() if is_label else line


def _first_sentence(line: str) -> str:
    """Up to the first full stop; a text without one, or a long one, ends with a whole word."""
    match = _SENTENCE_END.search(line, 1)
    if match is not None and match.end() <= MAX_CHARS:
        return line[: match.start()].rstrip() + match[0]
    if len(line) > MAX_CHARS:
        line = line[:MAX_CHARS].rpartition(" ")[0]
    line = _LOOSE_END.sub("", line)
    return line + "." if line else ""


def _is_usable(line: str) -> bool:
    letters = sum(char.isalpha() for char in line)
    if letters < _MIN_LETTERS or letters < 0.55 * len(line.replace(" ", "")):
        return False
    if _HEADING.fullmatch(line) or _CODE.match(line) or _SMALL_WORDS.issuperset(_words(line)):
        return False
    return _is_balanced(line) and not _goes_round(line)


def _is_balanced(line: str) -> bool:
    pairs = all(line.count(a) == line.count(b) for a, b in ("()", "[]", "{}"))
    return pairs and line.count('"') % 2 == 0 and line.count("`") % 2 == 0


def _goes_round(line: str) -> bool:
    """Whether a phrase comes twice, or thrice if it is of small words, or half of the words that
    say something are repetitions.
    """
    words = _words(line.replace(".", " "))
    triples = list(zip(words, words[1:], words[2:], strict=False))
    phrases = [each for each in triples if len(set(each) - _SMALL_WORDS) > 1]
    content = [word for word in words if word not in _SMALL_WORDS]
    is_repetitive = len(content) > 1 and 2 * len(set(content)) <= len(content)
    is_round = max(Counter(triples).values(), default=0) > 2
    return is_round or is_repetitive or len(set(phrases)) < len(phrases)


def _words(line: str) -> list[str]:
    return [word.strip(",;:'\"()`") for word in line.lower().rstrip(".").split()]


def _capitalised(line: str, subject: str) -> str:
    first = line.split(maxsplit=1)[0].rstrip(".,:;")
    is_name = first == subject and (len(first) == 1 or not first.islower())
    return line if is_name or not first.isalpha() else line[0].upper() + line[1:]
