"""`fimbria/status`: which model answers, and what it has to say in a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsp_server.confidence import is_home, may_speak
from lsp_server.syntax.languages import grammar_name

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer
    from model_runtime.api import ModelInfo

METHOD = "fimbria/status"


def handle(ls: FimbriaServer, params: object) -> dict[str, Any]:
    """Tell of the model, and why there is little ghost text, or none, in a document. Asks no
    model, and loads none. params: `{"uri": …}`, which may be left out.
    """
    model = ls.runtime.ready or ls.runtime.known
    return {
        "isReady": ls.runtime.ready is not None,
        "model": model.id if model else None,
        "reticence": reticence(ls, model, str(getattr(params, "uri", ""))) if model else None,
    }


def reticence(ls: FimbriaServer, model: ModelInfo, uri: str) -> str | None:
    """Why a model says less in a document than elsewhere; None if it does not."""
    document = ls.documents.snapshot(uri)
    if document is None:
        return None
    language = grammar_name(document.language_id, uri)
    if is_home(model, language):
        return None
    learnt = " and ".join(name.capitalize() for name in model.languages)
    here = document.language_id or "this file"
    # Short: Neovim asks for Enter after what is longer than a line.
    if may_speak(model, language):
        return f"{model.id} knows {learnt}; in {here} it has to be surer"
    return f"{model.id} knows {learnt}; in {here} it waits to be asked"
