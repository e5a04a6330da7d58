from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from lsp_server.settings import (
    Settings,
    apply,
    configured_values,
    from_environment,
    initial_values,
)
from lsp_server.settings_schema import with_table


def test_values_of_each_type() -> None:
    settings, problems = apply(
        Settings(),
        {
            "model": " ~/models/code ",
            "dtype": "BFloat16",
            "max_tokens": "32",
            "idleTimeoutS": 0,
            "warm_up": "off",
            "logFile": "/tmp/a.log",
        },
        "editor",
    )
    assert problems == []
    assert settings == Settings(
        model="~/models/code",
        dtype="bfloat16",
        max_tokens=32,
        idle_timeout_s=0.0,
        warm_up=False,
        log_file=Path("/tmp/a.log"),
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"modle": "x"}, ['unknown setting "modle"', 'Did you mean "model"?']),
        ({"zzzzzz": 1}, ['unknown setting "zzzzzz".']),
        ({"dtype": "bfloat"}, ['"dtype" must be one of', "perhaps bfloat16?", 'keeping "auto"']),
        ({"dtype": 16}, ['"dtype" must be one of']),
        ({"kv_memory": "much"}, ['"kv_memory" must be an amount of memory', 'keeping "auto"']),
        ({"warm_up": "maybe"}, ['"warm_up" must be true or false; keeping "true".']),
        ({"exclude": 3}, ["a list of patterns", "it is left as it was."]),
        ({"log_file": 3}, ["it is left as it was."]),
        ({"max_tokens": 0}, ["a whole number from 1 to 1024", 'keeping "64"']),
        ({"max_tokens": True}, ["a whole number"]),
        ({"max_tokens": 1.5}, ["a whole number"]),
        ({"max_tokens": "many"}, ["a whole number"]),
        ({"idle_timeout_s": -1}, ["a number of seconds"]),
        ({"idle_timeout_s": float("nan")}, ["a number of seconds"]),
        ({"model": ""}, ["a text that is not empty"]),
        ({"model": ["a"]}, ["a text that is not empty"]),
        ({"warm_up": "perhaps"}, ["true or false"]),
        ({"log_file": 3}, ["not empty"]),
    ],
)
def test_bad_values_are_reported_and_change_nothing(
    values: dict[str, object], words: list[str]
) -> None:
    settings, problems = apply(Settings(), values, "editor")
    assert settings == Settings()
    assert len(problems) == 1
    assert problems[0].startswith("editor: ")
    assert all(word in problems[0] for word in words), problems


def test_good_values_beside_bad_ones_count() -> None:
    settings, problems = apply(Settings(), {"device": "cpu", "dtype": "x", "model": None}, "flags")
    assert settings == Settings(device="cpu")
    assert len(problems) == 1


def test_environment() -> None:
    settings, problems = from_environment(
        {"FIMBRIA_MAX_TOKENS": "12", "FIMBRIA_RUNTIME_DIR": "/x", "FIMBRIA_QQQ": "1", "PATH": "/"}
    )
    assert settings == Settings(max_tokens=12)
    assert problems == []


def test_a_misspelt_variable_is_reported() -> None:
    _, problems = from_environment({"FIMBRIA_MODLE": "x"})
    assert problems == ['environment: unknown setting "modle". Did you mean "model"?']


@pytest.mark.parametrize("sent", [None, [], "x", {"fimbria": None}, {"fimbria": 3}])
def test_editors_may_send_nothing(sent: object) -> None:
    assert initial_values(sent) == configured_values(sent) == {}


@pytest.mark.parametrize("sent", [{"model": "m"}, {"fimbria": {"model": "m"}, "other": {}}])
def test_the_options_at_the_start_may_be_named_or_not(sent: object) -> None:
    assert initial_values(sent) == {"model": "m"}


def test_sections_of_other_servers_are_none_of_our_business() -> None:
    assert configured_values({"pylsp": {"model": "x"}, "model": "y"}) == {}
    assert configured_values({"pylsp": {}, "fimbria": {"model": "m"}}) == {"model": "m"}


def test_the_page_about_settings_has_them_all() -> None:
    """If not, run python -m lsp_server.settings_schema docs/settings.md."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text(
        encoding="utf-8"
    )
    assert page == with_table(page)
    assert all(f"| `{item.name}` |" in page for item in fields(Settings))
