"""Which files are worth training on, and in what shape."""

import ast
import re
import warnings

MIN_CHARS = 200
MAX_CHARS = 250_000
LICENCE_HEADER = re.compile(
    r"copyright|licen[sc]e|all rights reserved|SPDX|# mypy:|coding|automatically generated",
    re.IGNORECASE,
)


def normalise(text: str) -> str:
    """Unix line ends, spaces for tabs, no trailing blanks, no licence header."""
    text = text.replace("\r\n", "\n").replace("\t", "    ").replace("\f", "")
    text = strip_header(text)
    text = re.sub(r" +\n", "\n", text)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip("\n") + "\n"


def strip_header(text: str) -> str:
    """Drop the leading comment block when it is a licence or tool header."""
    lines = text.split("\n")
    end = 0
    while end < len(lines) and (lines[end].startswith("#") or not lines[end].strip()):
        end += 1
    if LICENCE_HEADER.search("\n".join(lines[:end])):
        return "\n".join(lines[end:]).lstrip("\n")
    return text


def rejection(text: str) -> str | None:
    """Why a normalised file is left out, or None when it is good."""
    if "automatically generated" in text[:2500].lower() and "modular" in text[:2500]:
        return "generated"
    if not MIN_CHARS <= len(text) <= MAX_CHARS:
        return "size"
    lines = text.split("\n")
    if max(map(len, lines)) > 600 or len(text) / len(lines) > 75:
        return "long lines"
    return _odd_characters(text) or _unparsable(text)


def _odd_characters(text: str) -> str | None:
    total = len(text)
    if sum(map(str.isalpha, text)) / total < 0.40:
        return "few letters"
    if sum(map(str.isdigit, text)) / total > 0.15:
        return "many digits"
    if sum(ord(char) > 127 for char in text) / total > 0.03:
        return "not ASCII"
    if "\u2581" in text:
        return "sentencepiece's own blank"  # it would come back as a space
    return None


def _unparsable(text: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return "does not parse"
    return None
