"""Our edge of pygls: one answer to every request, whatever is wrong with it, and no one else's
document store.
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any

from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol

from lsp_server.lean_types import types

logger = logging.getLogger(__name__)

_EXPERIMENTAL = {"fimbria": {"events": True, "chat": True, "status": True}}
"""What clients of our own may use beyond the protocol: see docs/protocol.md."""

_NOT_FROM_PYGLS = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
)


class FimbriaProtocol(LanguageServerProtocol):
    """pygls' protocol with its document store left out."""

    exit_code: int | None = None
    """Set when the editor has sent `exit`."""
    _leaves = False
    """Whether it has asked for `shutdown`, which may take a while."""

    def receive(self, body: bytes) -> None:
        """Handle one message. Errors become answers or log lines; nothing raises."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self._refuse(None, JsonRpcParseError())
            return
        if not isinstance(message, dict):
            self._refuse(None, JsonRpcInvalidRequest())
        elif message.get("method") == types.EXIT:
            self.exit_code = 0 if self._leaves else 1
        else:
            self._dispatch(message)

    def _dispatch(self, message: dict[str, Any]) -> None:
        method, is_request = message.get("method"), "method" in message and "id" in message
        problem = self._out_of_turn(method)
        self._leaves |= is_request and method == types.SHUTDOWN and problem is None
        problem = problem or self._handled(message)
        if problem is None:
            return
        if is_request:
            self._refuse(message["id"], problem)
        else:
            logger.warning("Ignored %s: %s", method or "a response", problem.message)

    def _out_of_turn(self, method: str | None) -> JsonRpcException | None:
        if self._shutdown:
            return JsonRpcInvalidRequest("The server has been shut down")
        initialized = self._workspace is not None
        if method is not None and initialized == (method == types.INITIALIZE):
            return JsonRpcInvalidRequest("Already initialized") if initialized else _NOT_YET
        return None

    def _handled(self, message: dict[str, Any]) -> JsonRpcException | None:
        message.setdefault("jsonrpc", self.VERSION)
        _tolerate_old_trigger_kinds(message)
        _keep_as_json(message)
        try:
            self.handle_message(self.structure_message(message))
        except JsonRpcException as error:
            return error
        except Exception:
            logger.exception("Could not handle %s", message.get("method"))
            return JsonRpcInternalError()
        return None

    def _refuse(self, msg_id: str | int | None, problem: JsonRpcException) -> None:
        if msg_id is not None:
            self._send_response(msg_id, error=problem.to_response_error())
            return
        error = {"code": problem.code, "message": problem.message}
        self._send_data({"jsonrpc": self.VERSION, "id": None, "error": error})

    def _send_handler_result(self, future: Future[Any], *, msg_id: str | int) -> None:
        """Send what a handler has come to. An error that it means to send is no mishap: pygls would
        log its traceback, and with it the message, which may quote a document.
        """
        error = None if future.cancelled() else future.exception()
        if not isinstance(error, JsonRpcException) or isinstance(error, JsonRpcInternalError):
            super()._send_handler_result(future, msg_id=msg_id)
            return
        self._request_futures.pop(msg_id, None)
        logger.info("Answered with error %d", error.code)
        self._send_response(msg_id, error=error.to_response_error())

    def _send_response(
        self,
        msg_id: str | int,
        result: Any | None = None,
        error: types.ResponseError | None = None,
    ) -> None:
        """Send a response; an error goes without pygls' traceback and its paths."""
        if error is not None:
            internal = error.code == JsonRpcInternalError.CODE
            message = "Internal error; the server's log says more" if internal else error.message
            error = types.ResponseError(code=error.code, message=message)
        if isinstance(result, types.InitializeResult):
            result.capabilities.experimental = _EXPERIMENTAL
        super()._send_response(msg_id, result, error)

    def _register_builtin_features(self) -> None:
        super()._register_builtin_features()  # type: ignore[no-untyped-call]
        for method in _NOT_FROM_PYGLS:
            self.fm.builtin_features.pop(method, None)


_CHAT_METHODS = "fimbria/chat"
_NOT_YET = JsonRpcServerNotInitialized("The first request must be initialize")


def _keep_as_json(message: dict[str, Any]) -> None:
    """Hand the parameters of chat requests to their handlers as they are, none as an empty object:
    of a dictionary pygls would make an object whose attributes have the client's names.
    """
    if not str(message.get("method")).startswith(_CHAT_METHODS):
        return
    params = message.get("params", {})
    if isinstance(params, dict):
        message["params"] = MappingProxyType(params)


def _tolerate_old_trigger_kinds(message: dict[str, Any]) -> None:
    """Read trigger kinds of clients that know only a draft of the protocol, which began at 0, or
    send none: lsprotocol would refuse the whole request.
    """
    if message.get("method") != types.TEXT_DOCUMENT_INLINE_COMPLETION:
        return
    params = message.get("params")
    if not isinstance(params, dict):
        return
    context = params.setdefault("context", {})
    kinds = [kind.value for kind in types.InlineCompletionTriggerKind]
    if isinstance(context, dict) and context.get("triggerKind") not in kinds:
        context["triggerKind"] = types.InlineCompletionTriggerKind.Automatic.value
