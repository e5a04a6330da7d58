"""The 8k sentencepiece tokenizer with Code Llama's four infilling tokens."""

import json
import shutil
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import sentencepiece
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors

VOCAB_SIZE = 8192
INFILLING_PIECES = ("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>")
TOKENIZER_FILES = ("tokenizer.model", "tokenizer.json", "tokenizer_config.json")
CACHED_LINES = 400_000
MAX_TRAINING_LINES = 400_000
FAST_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "add_prefix_space": False,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "prefix_token": "▁<PRE>",
    "suffix_token": "▁<SUF>",
    "middle_token": "▁<MID>",
    "eot_token": "▁<EOT>",
    "fill_token": None,
    "clean_up_tokenization_spaces": False,
    "model_max_length": 1024,
}


class Tokenizer:
    """Encodes plain text; control tokens are only ever placed by id."""

    def __init__(self, model_file: Path) -> None:
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(model_file))
        self.vocab_size: int = self._pieces.get_piece_size()
        self.bos: int = self._pieces.bos_id()
        self.eos: int = self._pieces.eos_id()
        self.pre, self.suf, self.mid, self.eot = map(self._pieces.piece_to_id, INFILLING_PIECES)
        self.newline: int = self._pieces.piece_to_id("<0x0A>")
        self.num_bytes = [self._num_bytes(token) for token in range(self.vocab_size)]
        self._encode_line = lru_cache(maxsize=CACHED_LINES)(self._encode_uncached)

    def _num_bytes(self, token: int) -> int:
        """How many bytes of text a token stands for."""
        if self._pieces.is_control(token) or self._pieces.is_unknown(token):
            return 0
        if self._pieces.is_byte(token):
            return 1
        return len(self._pieces.id_to_piece(token).replace("▁", " ").encode())

    def _encode_uncached(self, line: str) -> tuple[int, ...]:
        return tuple(self._pieces.encode(line))

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`, exactly as sentencepiece gives them for the whole."""
        # A line break is always a token of its own, so lines encode independently,
        # and source code repeats lines often enough for a cache to pay.
        first, *others = text.split("\n")
        ids = list(self._encode_line(first))
        for line in others:
            ids.append(self.newline)
            ids.extend(self._encode_line(line))
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`; control tokens vanish."""
        return str(self._pieces.decode(list(ids)))


def train_tokenizer(texts: Iterable[str], folder: Path) -> None:
    """Train the sentencepiece model on `texts`; the same texts give the same model."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tokenizer.model").open("wb") as target:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line for text in texts for line in text.split("\n") if line),
            model_writer=target,
            model_type="bpe",
            vocab_size=VOCAB_SIZE,
            # Control pieces: text that spells one out never becomes one.
            control_symbols=list(INFILLING_PIECES),
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            allow_whitespace_only_pieces=True,
            character_coverage=0.9995,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=-1,
            num_threads=1,
            input_sentence_size=MAX_TRAINING_LINES,
            shuffle_input_sentence=True,
            minloglevel=2,
        )
    write_fast_tokenizer(folder)


def write_fast_tokenizer(folder: Path) -> None:
    """Write `tokenizer.json` and its configuration, which give the same ids as the model.

    Not as a Code Llama tokenizer class: transformers 5 replaces the rules of such a file by
    ones that lose an indentation's first space.
    """
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    vocab = {pieces.id_to_piece(token): token for token in range(pieces.get_piece_size())}
    model = models.BPE(
        vocab, _merges(pieces, vocab), unk_token="<unk>", fuse_unk=True, byte_fallback=True
    )
    fast = tokenizers.Tokenizer(model)
    control = ("<unk>", "<s>", "</s>", *INFILLING_PIECES)
    fast.add_special_tokens([tokenizers.AddedToken(p, normalized=False) for p in control])
    fast.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="never", split=False)
    fast.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    fast.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", vocab["<s>"])]
    )
    fast.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(FAST_CONFIG, indent=1) + "\n")


def _merges(
    pieces: sentencepiece.SentencePieceProcessor, vocab: dict[str, int]
) -> list[tuple[str, str]]:
    """Every pair of pieces that make a piece, the pieces learnt first coming first."""
    ranked = []
    for piece, token in vocab.items():
        splits = ((piece[:at], piece[at:]) for at in range(1, len(piece)))
        known = [(vocab[a], vocab[b], a, b) for a, b in splits if a in vocab and b in vocab]
        ranked += [(-pieces.get_score(token), *pair) for pair in sorted(known)]
    return [(first, second) for *_, first, second in sorted(ranked)]


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copy whatever tokenizer files `source` holds."""
    target.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
