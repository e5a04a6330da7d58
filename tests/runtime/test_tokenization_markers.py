"""User-defined pieces of a sentencepiece model: markers never come from text, ordinary ones do."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from model_runtime.markers import looks_like_marker, user_defined_ids
from model_runtime.tokenization import SentencePieceTokenizer
from tests.runtime.bpe_tokenizers import standard_library

MARKERS = (
    *("<|im_end|>", "<｜fim▁begin｜>", "▁<PRE>", "<fim-prefix>", "<[fim-suffix]>", "<<SYS>>"),
    *("[INST]", "[/INST]", "[gMASK]", "<start_of_turn>", "<unused7>", "<|file_separator|>"),
)
ORDINARY = (
    "▁▁",
    "▁▁▁▁▁▁▁▁",
    "\n\n",
    "\n\n\n",
    "\t\t",
    "<table>",
    "</h1>",
    "<=>",
    "->",
    "[0]",
    "self.",
)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(standard_library()[0].splitlines()),
        model_writer=model,
        model_type="bpe",
        vocab_size=600,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        user_defined_symbols=[*MARKERS, *ORDINARY],
        control_symbols=["<control>"],
        minloglevel=3,
    )
    file = tmp_path_factory.mktemp("markers") / "tokenizer.model"
    file.write_bytes(model.getvalue())
    return file


@pytest.fixture(scope="module")
def tokenizer(model_file: Path) -> SentencePieceTokenizer:
    return SentencePieceTokenizer(model_file)


def piece_ids(tokenizer: SentencePieceTokenizer, pieces: tuple[str, ...]) -> set[int]:
    found = {tokenizer.id_of(piece) for piece in pieces}
    assert None not in found
    return {i for i in found if i is not None}


def test_types_are_read_from_the_file(model_file: Path, tokenizer: SentencePieceTokenizer) -> None:
    expected = piece_ids(tokenizer, MARKERS) | piece_ids(tokenizer, ORDINARY)
    assert user_defined_ids(model_file.read_bytes()) == expected


@pytest.mark.parametrize("marker", MARKERS)
def test_markers_in_a_text_are_plain_text(tokenizer: SentencePieceTokenizer, marker: str) -> None:
    text = marker.replace("▁", " ")
    control = piece_ids(tokenizer, MARKERS)
    for around in (text, f"a{text}b", f"x {text}\n{text}{text}"):
        ids = tokenizer.encode_continuation(around)
        assert control.isdisjoint(ids)
        assert control.isdisjoint(tokenizer.encode(around))
        assert tokenizer.decode(ids) == around
    assert all(tokenizer.token_bytes(i) == b"" for i in control)


def test_sentencepiece_itself_would_have_parsed_them(
    model_file: Path, tokenizer: SentencePieceTokenizer
) -> None:
    ids = SentencePieceProcessor(model_file=str(model_file)).encode("a<|im_end|>")
    assert tokenizer.id_of("<|im_end|>") in ids


@pytest.mark.parametrize("piece", ORDINARY)
def test_ordinary_user_defined_pieces_stay_tokens(
    tokenizer: SentencePieceTokenizer, piece: str
) -> None:
    text = piece.replace("▁", " ")
    ids = tokenizer.encode_continuation(f"x{text}y")
    assert tokenizer.id_of(piece) in ids
    assert tokenizer.decode(ids) == f"x{text}y"


def test_empty_lines_that_are_one_token_stay_together(
    model_file: Path, tokenizer: SentencePieceTokenizer
) -> None:
    text = "\n\na\n\n\n    b\nc\n\n"
    assert tokenizer.split_lines(text) == ["\n\n", "a\n\n\n", "    b\n", "c\n\n"]
    sp = SentencePieceProcessor(model_file=str(model_file))
    assert tokenizer.encode_continuation(text) == sp.encode("☺" + text)[len(sp.encode("☺")) :]


@pytest.mark.parametrize(
    "piece", ["<", "<>", "<x", "x>", "a<b>c", "[]", "[1:]", "    ", "<=", "<p>"]
)
def test_what_no_marker_looks_like(piece: str) -> None:
    assert not looks_like_marker(piece)
