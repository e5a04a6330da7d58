"""Notebooks: the cells above are what the model sees before the cursor's cell."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fakes import FakeRuntime
from tests.lsp.client import LspClient, Message
from tests.lsp.sessions import session

NOTEBOOK = "file:///project/analysis.ipynb"
SYNC = {"notebookDocument": {"synchronization": {}}}
CODE, PROSE = 2, 1


def uri(name: str) -> str:
    return f"vscode-notebook-cell:/project/analysis.ipynb#{name}"


def cell(name: str, kind: int = CODE) -> Message:
    return {"kind": kind, "document": uri(name)}


def document(name: str, text: str, language: str = "python") -> Message:
    return {"uri": uri(name), "languageId": language, "version": 1, "text": text}


def open_notebook(
    client: LspClient, cells: Sequence[Message], documents: Sequence[Message]
) -> None:
    notebook = {"uri": NOTEBOOK, "notebookType": "jupyter", "version": 1, "cells": cells}
    params = {"notebookDocument": notebook, "cellTextDocuments": documents}
    client.notify("notebookDocument/didOpen", params)


def change(client: LspClient, version: int, **cells: object) -> None:
    params = {
        "notebookDocument": {"uri": NOTEBOOK, "version": version},
        "change": {"cells": cells},
    }
    client.notify("notebookDocument/didChange", params)


def open_three(client: LspClient) -> None:
    cells = [cell("a"), cell("text", PROSE), cell("b"), cell("sql")]
    documents = [
        document("a", "import math\r\n"),
        document("text", "# Title", "markdown"),
        document("b", "x = math."),
        document("sql", "SELECT ", "sql"),
    ]
    open_notebook(client, cells, documents)


async def prompt(client: LspClient, runtime: FakeRuntime, name: str, character: int) -> str:
    await client.result(client.complete(0, character, uri=uri(name)))
    return runtime.calls[-1].request.prompt


def test_code_cells_above_of_the_same_language_come_first() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        assert client.capabilities["notebookDocumentSync"]["notebookSelector"]
        open_three(client)
        assert await prompt(client, runtime, "b", 9) == "import math\n\n\nx = math."
        assert await prompt(client, runtime, "a", 11) == "import math"
        assert await prompt(client, runtime, "sql", 7) == "SELECT "

    session(scenario, "pi", capabilities=SYNC)


def test_cells_that_are_edited_added_moved_and_deleted() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        open_three(client)
        at = {"line": 0, "character": 7}
        edit = {"range": {"start": at, "end": {"line": 0, "character": 11}}, "text": "cmath"}
        content = {"document": {"uri": uri("a"), "version": 2}, "changes": [edit]}
        change(client, 2, textContent=[content])
        assert await prompt(client, runtime, "b", 9) == "import cmath\n\n\nx = math."

        new = {"start": 1, "deleteCount": 1, "cells": [cell("new")]}
        closed, opened = [{"uri": uri("text")}], [document("new", "y = 2")]
        change(client, 3, structure={"array": new, "didOpen": opened, "didClose": closed})
        assert await prompt(client, runtime, "b", 9) == "import cmath\n\n\ny = 2\n\nx = math."

        change(client, 4, structure={"array": {"start": 0, "deleteCount": 1, "cells": []}})
        moved = {"start": 3, "deleteCount": 0, "cells": [cell("a")]}
        change(client, 5, structure={"array": moved})
        assert await prompt(client, runtime, "b", 9) == "y = 2\n\nx = math."
        assert await prompt(client, runtime, "a", 12) == "y = 2\n\nx = math.\n\nimport cmath"

    session(scenario, "pi", capabilities=SYNC)


def test_after_closing_nothing_is_left() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        open_three(client)
        documents = [{"uri": uri(name)} for name in ("a", "text", "b", "sql")]
        notebook = {"uri": NOTEBOOK}
        params = {"notebookDocument": notebook, "cellTextDocuments": documents}
        client.notify("notebookDocument/didClose", params)
        assert await client.result(client.complete(0, 9, uri=uri("b"))) == {"items": []}
        change(client, 2, structure={"array": {"start": 0, "deleteCount": 0, "cells": []}})
        client.open("z = ", uri=uri("b"))
        assert await prompt(client, runtime, "b", 4) == "z = "

    session(scenario, "pi", capabilities=SYNC)
