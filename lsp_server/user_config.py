"""The user's own settings: `config.toml` in their configuration folder.

    model = "codellama/CodeLlama-7b-hf"
    kv_memory = "4GiB"

Every name of `Settings` may stand there. Commands read it as editors do; what is set elsewhere
(environment, flags, the editor) goes before it.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

from lsp_server.settings import Settings, apply

_TABLE = re.compile(r"\s*\[")


def config_file() -> Path:
    """Where it is, or would be."""
    chosen = os.environ.get("XDG_CONFIG_HOME")
    if chosen:
        return Path(chosen) / "fimbria" / "config.toml"
    if platform.system() == "Linux":  # saves an import that editors would wait for
        return Path.home() / ".config" / "fimbria" / "config.toml"
    return _platforms_folder() / "config.toml"


def _platforms_folder() -> Path:
    import platformdirs

    return platformdirs.user_config_path("fimbria", appauthor=False)


def read_config_file() -> tuple[Mapping[str, object], list[str]]:
    """Its values by name, unchecked; nothing when there is no file. Also a sentence for the user
    when it cannot be read.
    """
    file = config_file()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"{file} cannot be read: {error}; it is left out."]
    import tomllib

    try:
        return tomllib.loads(text), []
    except tomllib.TOMLDecodeError as error:
        return {}, [f"{file} is not valid TOML: {error}; it is left out."]


def user_settings() -> tuple[Settings, list[str], frozenset[str]]:
    """Defaults with the file's values over them, sentences about what is wrong with it, and the
    names of the settings that it decides.
    """
    values, problems = read_config_file()
    settings, more = apply(Settings(), values, str(config_file()))
    decided = frozenset(name for name in Settings.__dataclass_fields__ if name in values)
    return settings, [*problems, *more], decided


def write_setting(name: str, value: str) -> Path:
    """Set one text in the file, leaving all else in it as it is; returns the file. Raises OSError,
    and ValueError, which says what to do, when what is there is not TOML.
    """
    import tomllib

    file = config_file()
    try:
        text = file.read_text(encoding="utf-8")
        before = tomllib.loads(text)
    except FileNotFoundError:
        text, before = "", {}
    except ValueError as error:
        raise ValueError(f"{file} cannot be read ({error}); mend it or delete it") from error
    changed = with_setting(text, name, value)
    if tomllib.loads(changed) != {**before, name: value}:
        raise ValueError(f"{name} cannot be set in {file}")
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.write_text(changed, encoding="utf-8")
    unfinished.replace(file)
    return file


def with_setting(text: str, name: str, value: str) -> str:
    """TOML with `name` set among the values before the first table."""
    line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
    lines = text.splitlines()
    first_table = next((at for at, one in enumerate(lines) if _TABLE.match(one)), len(lines))
    assignment = re.compile(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=")
    at = next((at for at in range(first_table) if assignment.match(lines[at])), None)
    if at is None:
        lines.insert(0, line)
    else:
        lines[at] = line
    return "\n".join(lines) + "\n"
