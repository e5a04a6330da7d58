"""`python -m model_runtime.families FILE`: put the table of families into a Markdown file, between
its markers.
"""

from __future__ import annotations

import sys
from pathlib import Path

from model_runtime.families.markdown import with_families


def main(arguments: list[str]) -> None:
    """Rewrite the named files; those without markers end it with a message."""
    for name in arguments:
        file = Path(name)
        try:
            file.write_text(with_families(file.read_text(encoding="utf-8")), encoding="utf-8")
        except ValueError as error:
            sys.exit(f"{name}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
