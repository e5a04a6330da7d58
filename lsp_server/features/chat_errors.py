"""What goes wrong in chats → errors that say what to do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TypeVar

from pygls.exceptions import JsonRpcException

from lsp_server.lean_types import types
from model_runtime.api import RuntimeFailure

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def told(work: Awaitable[T]) -> T:
    """Wait for `work`; raises JsonRpcException for what the client should be told."""
    from lsp_server.chat.shelves import NoSuchConversation
    from lsp_server.chat.turns import Superseded

    try:
        return await work
    except RuntimeFailure as failure:
        raise failed(str(failure)) from None
    except NoSuchConversation:
        message = "There is no such conversation; it may have been deleted, or was not kept."
        raise JsonRpcException(message, types.ErrorCodes.InvalidParams.value) from None
    except Superseded:
        message = "Something newer was asked in this conversation."
        raise JsonRpcException(message, types.LSPErrorCodes.ServerCancelled.value) from None
    except OSError as error:
        reason = error.strerror or str(error)
        logger.warning("Conversations cannot be read or written: %s", reason)
        raise failed(f"The conversations cannot be read or written: {reason}.") from None


def failed(message: str) -> JsonRpcException:
    """The request was right, and could not be done."""
    return JsonRpcException(message, types.LSPErrorCodes.RequestFailed.value)
