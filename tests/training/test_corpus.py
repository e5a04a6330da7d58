"""What gets into the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.conftest import make_document
from training.corpus.build import Document, load_split, save_corpus, split_documents
from training.corpus.cleaning import normalise, rejection
from training.corpus.sources import HELD_OUT, Package, is_permissive, permitted_packages

LICENCE_HEADER = "# Copyright 2020 Somebody\n# All rights reserved.\n\n"


def test_a_near_duplicate_is_dropped() -> None:
    first = make_document(1)
    copy = Document("other", "other/copy.py", first.text.replace("too large", "far too large"))
    corpus = split_documents([first, copy, make_document(2)])
    kept = {document.path for split in corpus.splits().values() for document in split}
    assert kept == {first.path, make_document(2).path}
    assert corpus.dropped["near duplicate"] == 1


def test_held_out_packages_are_never_trained_on() -> None:
    documents = [make_document(n, package) for n, package in enumerate([*sorted(HELD_OUT), "rich"])]
    corpus = split_documents(documents)
    assert {document.package for document in corpus.train} <= {"rich"}
    assert {document.package for document in corpus.val_out} == HELD_OUT


def test_the_split_is_the_same_every_time() -> None:
    documents = [make_document(number) for number in range(200)]
    splits = split_documents(documents).splits()
    assert splits == split_documents(documents).splits()
    assert splits["val_in"]


@pytest.mark.parametrize(
    ("licence", "permitted"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-2-Clause", True),
        ("PSF-2.0", True),
        ("MPL-2.0 AND MIT", False),
        ("GPL-3.0-or-later; Apache Software License", False),
        ("LGPL-2.1", False),
        ("", False),
    ],
)
def test_only_permissive_licences_are_read(licence: str, permitted: bool) -> None:
    assert is_permissive(licence) is permitted


def test_installed_packages_under_other_licences_are_left_out() -> None:
    assert "hypothesis" not in permitted_packages()  # MPL
    assert "torch" in permitted_packages()


def test_headers_tabs_and_line_ends_are_normalised() -> None:
    text = LICENCE_HEADER + "def f():\r\n\treturn 1   \n\n\n\n\n\nx = 2"
    assert normalise(text) == "def f():\n    return 1\n\n\nx = 2\n"
    assert normalise("# A remark.\nx = 1\n") == "# A remark.\nx = 1\n"


def test_unsuitable_files_are_rejected() -> None:
    good = make_document(3).text
    assert rejection(good) is None
    assert rejection("x = 1\n") == "size"
    assert rejection(good + "def broken(:\n") == "does not parse"
    assert rejection("x = [\n" + "    1234567890,\n" * 40 + "]\n") is not None
    assert rejection(good + '\nBLANK = "\u2581"\n') == "sentencepiece's own blank"


def test_a_stored_corpus_reads_back(tmp_path: Path) -> None:
    corpus = split_documents([make_document(number) for number in range(5)])
    save_corpus(corpus, {"package": Package("package", "1.0", "MIT")}, tmp_path)
    assert load_split(tmp_path, "train") == corpus.train
