"""The user's config.toml: read like any other source of settings, and written without harm."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lsp_server.user_config import config_file, user_settings, with_setting, write_setting


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "fimbria"
    folder.mkdir()
    return folder / "config.toml"


def test_without_a_file_there_are_the_defaults(file: Path) -> None:
    settings, problems, decided = user_settings()
    assert (settings.model, problems, decided) == ("starter", [], frozenset())
    assert config_file() == file


def test_values_are_taken_and_mistakes_told(file: Path) -> None:
    file.write_text('model = "owner/name"\nmax_tokens = 9999\nmodle = "x"\n', encoding="utf-8")
    settings, problems, decided = user_settings()
    assert settings.model == "owner/name"
    assert settings.max_tokens == 64
    assert decided == {"model", "max_tokens"}
    assert len(problems) == 2
    assert all(str(file) in problem for problem in problems)
    assert 'Did you mean "model"?' in problems[1]


def test_a_broken_file_is_left_out(file: Path) -> None:
    for broken in (b'model = "owner/name\n', b"\xff"):
        file.write_bytes(broken)
        settings, (problem,), _ = user_settings()
        assert settings.model == "starter"
        assert "not valid TOML" in problem or "cannot be read" in problem
        with pytest.raises(ValueError, match=r"config.toml cannot be read .*mend it or delete it"):
            write_setting("model", "other")
        assert file.read_bytes() == broken


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'model = "new"\n'),
        ('model = "old"  # comment\n', 'model = "new"\n'),
        ("max_tokens = 3\n", 'model = "new"\nmax_tokens = 3\n'),
        ('# about\n"model"="old"\nx = 1\n', '# about\nmodel = "new"\nx = 1\n'),
        ('[table]\nmodel = "old"\n', 'model = "new"\n[table]\nmodel = "old"\n'),
    ],
)
def test_one_value_is_set_and_all_else_kept(before: str, after: str) -> None:
    assert with_setting(before, "model", "new") == after


def test_what_was_written_is_read(file: Path) -> None:
    name = 'C:\\models\\"ä"'
    assert write_setting("model", name) == file
    assert tomllib.loads(file.read_text(encoding="utf-8")) == {"model": name}
    assert user_settings()[0].model == name
