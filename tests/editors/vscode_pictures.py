"""Takes the pictures of VS Code for the README: ghost text from the starter model, and a question
about the code, which a script answers in place of a model that chats.

python -m tests.editors.vscode_pictures [docs]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.editors.conftest import run_fimbria
from tests.editors.film import BEFORE, BODY, METHOD, MISSPELT, REST, SPELT
from tests.editors.get_neovim import REPOSITORY
from tests.editors.vscode_chat_engine import ChatEngine, chat_engine
from tests.editors.vscode_driver import Window
from tests.editors.vscode_fixtures import workbench

SERVER = [sys.executable, "-m", "lsp_server"]
MEAN = "def mean(values):\n    return sum(values) / len(values)\n"
QUESTION = "What if there are no values?"
ANSWER = """\
Then `len(values)` is 0, and the division raises `ZeroDivisionError`. Say what is wrong instead:

```python
def mean(values):
    if not values:
        raise ValueError("the mean of no values")
    return sum(values) / len(values)
```
"""


def main() -> None:
    """Take both pictures."""
    target = Path(sys.argv[1]) if sys.argv[1:] else REPOSITORY / "docs"
    with tempfile.TemporaryDirectory() as folder, chat_engine() as engine:
        home = Path(folder)
        environment = {
            "FIMBRIA_RUNTIME_DIR": folder,
            "FIMBRIA_LOG_FILE": str(home / "log"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "share"),
            "FIMBRIA_CHAT_ENDPOINT": engine.url,
        }
        (home / "code").mkdir()
        try:
            with workbench(home / "code", SERVER, environment) as window:
                shutil.copy(ghost_text(window), target / "vscode.png")
                shutil.copy(chat(window, engine), target / "vscode-chat.png")
        finally:
            run_fimbria(environment, "stop", "--all")


def ghost_text(window: Window) -> Path:
    """Type until there is ghost text, and return its picture."""
    after = f"\n{METHOD}\n{REST.replace(f'{MISSPELT}:', f'{SPELT}:')}"
    path = window.open("stack.py", f"{BEFORE}            \n{after}")
    window.wait_for_status("ready")
    window.press("Control+g")
    window.type(f"{len(BEFORE.splitlines()) + 1}")
    window.press("Enter")
    window.press("End")
    window.type(BODY)
    window.wait_for_ghost()
    picture = window.screenshot("picture-ghost")
    window.saved(path)
    return picture


def chat(window: Window, engine: ChatEngine) -> Path:
    """Ask about a function, have the answer's code put in its place, and return the picture."""
    engine.answer = ANSWER
    window.open("mean.py", MEAN)
    window.run_command("Fimbria: Chat about the Code")
    window.call("frameFill", "#question", QUESTION)
    window.call("framePress", "#question", "Enter")
    window.call("frameClick", 'button:has-text("Apply as diff")')
    window.call("waitFor", ".monaco-diff-editor .line-insert")
    return window.screenshot("picture-chat")


if __name__ == "__main__":
    main()
