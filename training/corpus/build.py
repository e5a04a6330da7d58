"""Build the corpus: clean, de-duplicate, split, and store it with its notice."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from training.corpus.cleaning import normalise, rejection
from training.corpus.dedupe import SeenWindows, line_windows
from training.corpus.sources import HELD_OUT, STDLIB, Package, SourceFile
from training.folders import write_text

NEAR_DUPLICATE = 0.5
# A held-out file may share this much with files kept earlier, or with training files.
HELD_OUT_OVERLAP = 0.1
CONTAMINATED = 0.15
HELD_IN_PER_MILLE = 15


@dataclass(frozen=True)
class Document:
    """One cleaned file of the corpus."""

    package: str
    path: str
    text: str


@dataclass
class Corpus:
    """`train`; `val_in`: unseen files of known packages; `val_out`: unseen packages."""

    train: list[Document] = field(default_factory=list)
    val_in: list[Document] = field(default_factory=list)
    val_out: list[Document] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def splits(self) -> dict[str, list[Document]]:
        return {"train": self.train, "val_in": self.val_in, "val_out": self.val_out}


def _priority(source: SourceFile) -> tuple[bool, int]:
    """Held-out packages first, so that a copy of theirs is dropped from training."""
    bulky = {"torch": 2, "sympy": 2, "transformers": 3}
    rank = 0 if source.package == STDLIB else bulky.get(source.package, 1)
    return source.package not in HELD_OUT, rank


def read_documents(sources: Iterable[SourceFile], dropped: Counter[str]) -> Iterator[Document]:
    """The cleaned files worth keeping, in the order that de-duplication needs."""
    for source in sorted(sources, key=_priority):
        try:
            text = normalise(source.location.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            dropped["not UTF-8"] += 1
            continue
        reason = rejection(text)
        if reason:
            dropped[reason] += 1
        else:
            yield Document(source.package, source.path, text)


def split_documents(documents: Iterable[Document], dropped: Counter[str] | None = None) -> Corpus:
    """De-duplicate `documents` and divide them into the three splits."""
    corpus = Corpus(dropped=dropped if dropped is not None else Counter())
    seen = SeenWindows()
    for document in documents:
        windows = line_windows(document.text)
        overlap = seen.share(windows)
        if overlap > NEAR_DUPLICATE:
            corpus.dropped["near duplicate"] += 1
            continue
        seen.add(windows)
        corpus.splits()[_split_name(document, overlap)].append(document)
    _drop_contaminated(corpus)
    return corpus


def _split_name(document: Document, overlap: float) -> str:
    if document.package in HELD_OUT:
        return "val_out"
    digest = int(hashlib.md5(document.path.encode(), usedforsecurity=False).hexdigest(), 16)
    chosen = digest % 1000 < HELD_IN_PER_MILLE
    return "val_in" if chosen and overlap <= HELD_OUT_OVERLAP else "train"


def _drop_contaminated(corpus: Corpus) -> None:
    """Remove held-out files of which training files hold a sizeable part."""
    trained = SeenWindows()
    for document in corpus.train:
        trained.add(line_windows(document.text))
    for split in (corpus.val_in, corpus.val_out):
        clean = [d for d in split if trained.share(line_windows(d.text)) < CONTAMINATED]
        corpus.dropped["contaminated held-out"] += len(split) - len(clean)
        split[:] = clean


def save_corpus(corpus: Corpus, packages: dict[str, Package], folder: Path) -> None:
    """Write the splits, then the summary whose presence says that all is there."""
    for name, documents in corpus.splits().items():
        lines = "".join(json.dumps(asdict(document)) + "\n" for document in documents)
        write_text(folder / f"{name}.jsonl", lines)
    write_text(folder / "summary.json", json.dumps(summarise(corpus, packages), indent=1))


def summarise(corpus: Corpus, packages: dict[str, Package]) -> dict[str, object]:
    """Counts per split and package, and the licences of what training reads."""
    chars = Counter[str]()
    for document in corpus.train:
        chars[document.package] += len(document.text)
    return {
        "files": {name: len(split) for name, split in corpus.splits().items()},
        "chars": {name: sum(len(d.text) for d in s) for name, s in corpus.splits().items()},
        "dropped": dict(corpus.dropped),
        "trained_on": [
            {**asdict(packages[name]), "chars": count} for name, count in chars.most_common()
        ],
        "held_out": sorted({d.package for d in corpus.val_out}),
    }


def load_split(folder: Path, name: str) -> list[Document]:
    """One split of a stored corpus."""
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [Document(**json.loads(line)) for line in lines]
