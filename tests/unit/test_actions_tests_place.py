"""Where tests belong, by each language's custom."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.actions import tests_place


@pytest.mark.parametrize(
    ("grammar", "path", "folders", "expect"),
    [
        ("python", "a.py", [], "test_a.py"),
        ("python", "src/pkg/a.py", ["tests"], "tests/test_a.py"),
        ("python", "src/pkg/a.py", ["src/test"], "src/test/test_a.py"),
        ("python", "tests/test_a.py", ["tests"], "tests/test_a.py"),
        ("javascript", "src/a.js", [], "src/a.test.js"),
        ("tsx", "src/a.tsx", ["src/__tests__"], "src/__tests__/a.test.tsx"),
        ("typescript", "src/a.spec.ts", [], "src/a.spec.ts"),
        ("go", "pkg/a.go", [], "pkg/a_test.go"),
        ("go", "pkg/a_test.go", [], "pkg/a_test.go"),
        ("java", "src/main/java/p/A.java", [], "src/test/java/p/ATest.java"),
        ("kotlin", "A.kt", [], "ATest.kt"),
        ("ruby", "lib/a.rb", ["spec"], "spec/a_spec.rb"),
        ("ruby", "lib/a.rb", [], "lib/a_test.rb"),
        ("rust", "src/a.rs", [], "src/a.rs"),
    ],
)
def test_places(grammar: str, path: str, folders: list[str], expect: str, tmp_path: Path) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert tests_place.can_have_tests(grammar)
    assert tests_place.tests_file(grammar, tmp_path / path, tmp_path) == tmp_path / expect


def test_an_existing_file_is_found_below_the_folder_of_tests(tmp_path: Path) -> None:
    (tmp_path / "tests" / "deep").mkdir(parents=True)
    (tmp_path / "tests" / "deep" / "test_a.py").write_text("")
    found = tests_place.tests_file("python", tmp_path / "a.py", tmp_path)
    assert found == tmp_path / "tests" / "deep" / "test_a.py"


def test_a_file_outside_of_any_workspace_gets_them_beside_it(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "a.py"
    assert tests_place.tests_file("python", path, None) == tmp_path / "deep" / "test_a.py"


def test_other_languages_have_no_place() -> None:
    assert not tests_place.can_have_tests("haskell")
