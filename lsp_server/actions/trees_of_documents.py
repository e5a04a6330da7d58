"""Syntax trees for listing actions, where nobody may wait: made at once if that is quick, else in
the background, for the next list.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from lsp_server.syntax.languages import grammar_name
from lsp_server.syntax.trees import parse

if TYPE_CHECKING:
    from lsp_server.documents import Document
    from lsp_server.syntax.trees import SyntaxTree

_QUICK_CHARS = 20_000
"""About three milliseconds."""
_MOST_TREES = 8


class DocumentTrees:
    """Trees of the documents' last states that were asked about."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, tuple[Document, SyntaxTree | None]] = OrderedDict()
        self._is_preparing = False

    def tree(self, document: Document) -> tuple[SyntaxTree | None, bool]:
        """The tree, and whether it is known; a tree that is known to be None has no grammar. One
        that is not known can be prepared.
        """
        known = self._trees.get(document.uri)
        if known is not None and known[0] is document:
            self._trees.move_to_end(document.uri)
            return known[1], True
        if not grammar_name(document.language_id, document.uri):
            return None, True
        if len(document.text) > _QUICK_CHARS:
            return None, False
        tree = parse(document.language_id, str(document.text), document.uri)
        self._keep(document, tree)
        return tree, True

    async def prepare(self, document: Document) -> None:
        """Parse a large document on another thread. One at a time: while somebody types, the trees
        of most states are not worth having.
        """
        if self._is_preparing:
            return
        self._is_preparing = True
        try:
            tree = await asyncio.to_thread(
                parse, document.language_id, str(document.text), document.uri
            )
        finally:
            self._is_preparing = False
        self._keep(document, tree)

    def _keep(self, document: Document, tree: SyntaxTree | None) -> None:
        self._trees[document.uri] = (document, tree)
        self._trees.move_to_end(document.uri)
        if len(self._trees) > _MOST_TREES:
            self._trees.popitem(last=False)
