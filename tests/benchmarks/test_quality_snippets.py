"""What other files are worth, on places so small that the right figures can be seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import quality_snippets
from benchmarks.quality_answers import open_direct
from benchmarks.quality_report import snippets_table
from benchmarks.quality_snippets import NUM_OPEN, Projects, projects_of, try_snippets
from lsp_server.context.snippets import OtherFile, chunks_of
from lsp_server.source_text import SourceText
from model_runtime.habits import Habits
from model_runtime.ngrams import CacheWeights
from training.corpus.build import Document
from training.evaluation.scoring import rest_of_line_task
from training.evaluation.tasks import Item
from training.fim import Hole

ORDERS = "total = reconcile_ledgers(opening_balance, closing_balance)\nprint(total)\n"
HERE = "from orders import reconcile_ledgers\n\nresult = reconcile_ledgers("


def files(*names: str, package: str = "shop") -> list[Document]:
    return [Document(package, f"{name}.py", f"name = {name!r}\n" * 20) for name in names]


def test_files_with_others_beside_them() -> None:
    importing = Document("shop", "main.py", "from orders import total\n")
    many = [importing, *files("orders", *(f"m{n}" for n in range(20)))]
    projects = projects_of([*many, *files("alone", package="lonely")])
    assert projects.documents == many
    opened = [file.path for file in projects.opened["shop/main.py"]]
    assert len(opened) == NUM_OPEN
    assert opened[0] == "orders.py"
    assert "main.py" not in opened
    with pytest.raises(ValueError, match="no package"):
        projects_of(files("alone", "both"))


def test_what_stands_in_another_file_is_copied(
    starter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_snippets, "AMOUNTS", (0, 1000))
    item = Item("shop/main.py", Hole(HERE, "opening_balance, closing_balance)", "\n"))
    task = replace(rest_of_line_task([item]), stop=("\n",))
    elsewhere = OtherFile("orders.py", chunks_of(SourceText.of(ORDERS)))
    projects = Projects([], {"shop/main.py": [elsewhere]})
    habits = Habits(min_token_logprob=-5.0, cache=CacheWeights(weight=0.95, half_length=2.0))
    without, with_it = try_snippets(open_direct(starter_folder), task, projects, habits)
    assert (without.score.exact_shown, with_it.score.exact_shown) == (0, 1)
    assert (with_it.won, with_it.lost, with_it.right, without.right) == (1, 0, 1, 0)
    assert len(snippets_table([without, with_it])) == 4
