"""Cutting a file into prefix, middle and suffix, and laying the parts out as token ids."""

import random
import re
from dataclasses import dataclass
from enum import Enum

from training.tokenizer import Tokenizer

DOCSTRING = re.compile(r'"""(.+?)"""', re.DOTALL)
RANDOM_SPAN_WINDOW = 600
SHORT_SPAN = 40


@dataclass(frozen=True)
class Hole:
    """A text cut in three; the parts joined are the text again."""

    prefix: str
    middle: str
    suffix: str

    @property
    def text(self) -> str:
        return self.prefix + self.middle + self.suffix


class Layout(Enum):
    """The order of the parts, as in Code Llama."""

    PSM = "psm"
    SPM = "spm"


@dataclass(frozen=True)
class Encoded:
    """Token ids and the weight that each token has as a target of the loss."""

    ids: list[int]
    weights: list[float]
    # Targets for which a newline may as well be EOT: see `encode_spm`.
    line_ends: list[bool]

    def __len__(self) -> int:
        return len(self.ids)


# ---- cutting -------------------------------------------------------------------------------


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _first_character(text: str, at: int) -> int:
    """The first non-blank of the line that holds `at`, or the line's end."""
    start, end = _line_start(text, at), _line_end(text, at)
    return end - len(text[start:end].lstrip(" "))


def _code_position(text: str, rng: random.Random) -> int:
    """A random place in a line that is not blank, when a few tries find one."""
    at = 0
    for _ in range(8):
        at = rng.randrange(len(text))
        if text[_line_start(text, at) : _line_end(text, at)].strip():
            break
    return at


def _rest_of_line(text: str, rng: random.Random) -> tuple[int, int]:
    """From a random character of a line's code to its end: ghost text while typing."""
    at = _code_position(text, rng)
    end = _line_end(text, at)
    return rng.randint(_first_character(text, at), end), end


def _whole_line(text: str, rng: random.Random) -> tuple[int, int]:
    """A line; its indentation may have been typed, or even its newline be missing."""
    at = _code_position(text, rng)
    start = _line_start(text, at)
    begin = rng.choice((_first_character(text, at), _first_character(text, at), start, start - 1))
    return max(0, begin), _line_end(text, at)


def _some_lines(text: str, rng: random.Random) -> tuple[int, int]:
    """Two to eight lines, from the start of one or from within it."""
    begin, end = rng.choice((_rest_of_line, _whole_line))(text, rng)
    for _ in range(rng.randint(1, 7)):
        end = _line_end(text, min(end + 1, len(text)))
    return begin, end


def _random_span(text: str, rng: random.Random) -> tuple[int, int]:
    """Between two uniform characters that are not far apart."""
    start = rng.randrange(len(text))
    reach = min(len(text), start + RANDOM_SPAN_WINDOW)
    first, second = sorted((rng.randint(start, reach), rng.randint(start, reach)))
    return first, second


def _short_span(text: str, rng: random.Random) -> tuple[int, int]:
    """A piece inside one line: an argument, a name."""
    at = _code_position(text, rng)
    begin = rng.randint(_first_character(text, at), _line_end(text, at))
    return begin, min(_line_end(text, begin), begin + rng.randint(1, SHORT_SPAN))


def _docstring(text: str, rng: random.Random) -> tuple[int, int]:
    """The inside of a docstring, or some lines where there is none."""
    found = list(DOCSTRING.finditer(text))
    return rng.choice(found).span(1) if found else _some_lines(text, rng)


# Half of the middles end with their line, which is what an editor asks for most.
CUTS = (
    (_rest_of_line, 0.38),
    (_whole_line, 0.20),
    (_some_lines, 0.10),
    (_random_span, 0.18),
    (_short_span, 0.06),
    (_docstring, 0.08),
)


def cut(text: str, rng: random.Random) -> Hole:
    """Cut a hole of a random kind into `text`, at character level."""
    kinds, shares = zip(*CUTS, strict=True)
    (choose,) = rng.choices(kinds, shares)
    begin, end = choose(text, rng)
    return Hole(text[:begin], text[begin:end], text[end:])


def cut_whole_line(text: str, rng: random.Random) -> Hole:
    """Cut out one line whose indentation has been typed."""
    at = _code_position(text, rng)
    begin, end = _first_character(text, at), _line_end(text, at)
    return Hole(text[:begin], text[begin:end], text[end:])


def first_line_only(hole: Hole) -> Hole:
    """End the middle with its first line that shows anything."""
    blank = len(hole.middle) - len(hole.middle.lstrip())
    end = _line_end(hole.middle, blank)
    return Hole(hole.prefix, hole.middle[:end], hole.middle[end:] + hole.suffix)


def cut_rest_of_line(text: str, rng: random.Random) -> Hole:
    """Cut out the rest of a line."""
    begin, end = _rest_of_line(text, rng)
    return Hole(text[:begin], text[begin:end], text[end:])


# ---- laying out ----------------------------------------------------------------------------


def encode_plain(tokenizer: Tokenizer, text: str, *, complete: bool) -> Encoded:
    """Ordinary left-to-right text; `complete` text is followed by the end of sequence."""
    ids = [tokenizer.bos, *tokenizer.encode(text), *([tokenizer.eos] if complete else [])]
    return Encoded(ids, [0.0] + [1.0] * (len(ids) - 1), [False] * len(ids))


def encode_psm(tokenizer: Tokenizer, hole: Hole, context_weight: float) -> Encoded:
    """`[BOS PRE] prefix [SUF] suffix [MID] middle [EOT]`."""
    t = tokenizer
    context = [t.bos, t.pre, *t.encode(hole.prefix), t.suf, *t.encode(hole.suffix), t.mid]
    middle = [*t.encode(hole.middle), t.eot]
    return _weighted(context, middle, context_weight)


def encode_spm(
    tokenizer: Tokenizer, hole: Hole, context_weight: float, *, split_tokens: bool = False
) -> Encoded:
    """`[BOS PRE SUF] suffix [MID] prefix+middle [EOT]`.

    Prefix and middle are one text to the tokenizer, as in Code Llama and as after token
    healing; `split_tokens` encodes them apart, as without healing.

    SPM does not show the model where the prefix ends. Every line break of the prefix would
    therefore teach it not to stop at a line's end, many times for each middle that does
    stop there. So at those places newline and EOT count as the same answer, "the line ends".
    """
    t = tokenizer
    suffix = [t.bos, t.pre, t.suf, *t.encode(hole.suffix), t.mid]
    if split_tokens:
        prefix, middle = t.encode(hole.prefix), t.encode(hole.middle)
    else:
        prefix, middle = _joint(t, hole)
    encoded = _weighted(suffix + prefix, [*middle, t.eot], context_weight)
    for place in range(len(suffix), len(suffix) + len(prefix)):
        encoded.line_ends[place] = encoded.ids[place] == t.newline
    return encoded


def _joint(tokenizer: Tokenizer, hole: Hole) -> tuple[list[int], list[int]]:
    """The ids of prefix+middle, divided before the token in which the middle begins."""
    line = hole.prefix.rfind("\n") + 1
    before = tokenizer.encode(hole.prefix[:line])
    ids = tokenizer.encode(hole.prefix[line:] + hole.middle)
    typed, place = len(hole.prefix[line:].encode()), 0
    while place < len(ids) and typed >= tokenizer.num_bytes[ids[place]]:
        typed -= tokenizer.num_bytes[ids[place]]
        place += 1
    return before + ids[:place], ids[place:]


def _weighted(context: list[int], middle: list[int], context_weight: float) -> Encoded:
    weights = [0.0] + [context_weight] * (len(context) - 1) + [1.0] * len(middle)
    return Encoded(context + middle, weights, [False] * len(weights))
