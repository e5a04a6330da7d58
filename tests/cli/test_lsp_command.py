"""`fimbria lsp`: flags that never stop it."""

from __future__ import annotations

import pytest

from lsp_server.cli.app import run
from lsp_server.cli.lsp import parse_flags, run_language_server
from lsp_server.settings import Settings, apply


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], {}),
        (["--stdio"], {}),
        (["--model", "m", "--max-tokens=7"], {"model": "m", "max_tokens": "7"}),
        (["--model=a=b"], {"model": "a=b"}),
        (["--model"], {"model": ""}),
        (["what", "--dtype", "float16"], {"what": "", "dtype": "float16"}),
    ],
)
def test_flags_become_settings(arguments: list[str], flags: dict[str, object]) -> None:
    assert parse_flags(arguments) == flags


def test_flags_that_make_no_sense_are_reported_and_stop_nothing() -> None:
    flags = parse_flags(["what", "--max-tokens", "many", "--modell", "m", "--dtype", "float16"])
    settings, problems = apply(Settings(), flags, "command line")
    assert settings == Settings(dtype="float16")
    assert len(problems) == 3


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    for show_help in (run_language_server, lambda arguments: run(["lsp", *arguments])):
        assert show_help(["--help"]) == 0
        output = capsys.readouterr().out
        for name in Settings.__dataclass_fields__:
            assert f"--{name.replace('_', '-')} " in output
