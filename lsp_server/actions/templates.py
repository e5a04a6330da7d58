"""Prompts as files: one template per task, in plain text.

What stands before a line of three dashes is the system message, what follows the user's; without
such a line all of it is the user's. `{{name}}` is replaced by a value, once: what a value contains
is never read as a placeholder. A file of the same name in the folder `prompts` beside the user's
`config.toml` takes the place of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from model_runtime.api import ChatMessage, Role

PLACEHOLDERS = frozenset({"language", "path", "name", "before", "code", "after"})
"""What every template may use."""
TASK_PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "fix": PLACEHOLDERS | {"problem", "related"},
    "explain": PLACEHOLDERS,
    "tests": PLACEHOLDERS | {"tests", "tests_path"},
    "simplify": PLACEHOLDERS,
    "annotate": PLACEHOLDERS,
    "complete": PLACEHOLDERS,
    "edit": PLACEHOLDERS | {"instruction"},
    "docstring": frozenset({"language", "before", "after"}),
    "chat": frozenset(),  # all of it is the system message of every conversation
}
"""The templates by name, and what each may use."""
NEEDED = ("code",)
"""Of these, a template whose answer takes the place of code needs one."""
_NEEDED_BY_TASK: Mapping[str, tuple[str, ...]] = {"docstring": ("before", "after"), "chat": ()}

_PLACEHOLDER = re.compile(r"\{\{\s*(\w*)\s*\}\}")
_SEPARATOR = re.compile(r"^---[ \t]*\r?\n", re.MULTILINE)
_FOLDER = Path(__file__).parent.parent / "prompts"


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt with placeholders; `system` may be empty."""

    system: str
    user: str

    def messages(self, values: Mapping[str, str]) -> tuple[ChatMessage, ...]:
        """Fill in the placeholders; one without a value becomes nothing."""

        def value(match: re.Match[str]) -> str:
            return values.get(match.group(1), "")

        texts = {Role.SYSTEM: self.system, Role.USER: self.user}
        return tuple(
            ChatMessage(role, _PLACEHOLDER.sub(value, text)) for role, text in texts.items() if text
        )


def read_template(text: str, allowed: frozenset[str], needed: Sequence[str] = ()) -> Template:
    """Raises ValueError, with what is wrong and what to write instead. needed: placeholders,
    one of which it must have.
    """
    for match in _PLACEHOLDER.finditer(text):
        if match.group(1) not in allowed:
            raise ValueError(f"{match.group()} is no placeholder; {_suggestion(match[1], allowed)}")
    parts = _SEPARATOR.split(text, maxsplit=1)
    system, user = parts if len(parts) == 2 else ("", text)
    if not user.strip():
        raise ValueError("it asks nothing; write a question, with {{code}} for the code")
    if needed and not set(needed) & set(_PLACEHOLDER.findall(text)):
        wanted = " or ".join(f"{{{{{name}}}}}" for name in needed)
        raise ValueError(f"the model would not see the code; write {wanted} where it belongs")
    return Template(system.strip(), user.strip())


def _suggestion(name: str, allowed: frozenset[str]) -> str:
    if not allowed:
        return "there are none for this file"
    near = get_close_matches(name, sorted(allowed), n=1)
    if near:
        return f"perhaps {{{{{near[0]}}}}}?"
    return "there are " + ", ".join(f"{{{{{name}}}}}" for name in sorted(allowed))


def own_template(name: str) -> Template:
    """The template that comes with us."""
    text = (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
    return read_template(text, TASK_PLACEHOLDERS[name])


def load_template(name: str, folder: Path) -> tuple[Template, str]:
    """The user's template for a task, or ours; and what is wrong with the user's, if anything, as a
    sentence. folder: where the user's are.
    """
    file = folder / f"{name}.md"
    try:
        needed = _NEEDED_BY_TASK.get(name, NEEDED)
        return read_template(file.read_text("utf-8"), TASK_PLACEHOLDERS[name], needed), ""
    except FileNotFoundError:
        return own_template(name), ""
    except (OSError, UnicodeDecodeError) as error:
        return own_template(name), f"{file} cannot be read: {error}; it is left out."
    except ValueError as error:
        return own_template(name), f"{file}: {error}; it is left out."


def template_problems(folder: Path) -> list[str]:
    """What is wrong with the user's templates; costs one look at the disk where there are none."""
    if not folder.is_dir():
        return []
    problems = [load_template(name, folder)[1] for name in TASK_PLACEHOLDERS]
    strange = sorted(
        file.stem for file in folder.glob("*.md") if file.stem not in TASK_PLACEHOLDERS
    )
    names = ", ".join(TASK_PLACEHOLDERS)
    problems += [f"{folder / name}.md belongs to no task; there are {names}." for name in strange]
    return [problem for problem in problems if problem]
