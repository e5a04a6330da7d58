"""The list of everything that the training data came from, with licences."""

from collections.abc import Mapping, Sequence
from typing import Any

NOTICE_HEAD = """\
Fimbria starter model: sources of its training data

The weights in this folder were trained from scratch on Python files of the packages below, as
an installation of the project and of its development tools brings them. Files were cleaned
and de-duplicated; none of them is distributed here. Licences are those that each package
declares for itself; a list such as torch's also covers parts that are not Python source.
Packages under MPL, GPL or similar licences were left out.

"""
EARLIER_HEAD = """\

The initial weights were trained in the same way before, by an earlier version of this code and
on the versions of these packages of that time, and also on:

"""
# Sources of the initial weights that today's installation does not bring.
EARLIER_SOURCES = (
    ("FastAPI", "MIT"),
    ("OpenTelemetry", "Apache-2.0"),
    ("protobuf", "BSD-3-Clause"),
)

Source = Mapping[str, Any]


def write_notice(sources: Sequence[Source], *, warm_start: bool) -> str:
    """One line per package: name, version, licence."""
    unique = {(s["name"], s["version"], s["licence"]) for s in sources}
    lines = [
        f"{name} {version}: {licence}"
        for name, version, licence in sorted(unique, key=lambda u: str(u[0]).lower())
    ]
    text = NOTICE_HEAD + "\n".join(lines) + "\n"
    if warm_start:
        earlier = "\n".join(f"{name}: {licence}" for name, licence in EARLIER_SOURCES)
        text += EARLIER_HEAD + earlier + "\n"
    return text
