"""The daemon's JSON: OpenAI's completions and chat APIs with documented extensions, written and
read in one place; answers are in answers.py.

Format: https://platform.openai.com/docs/api-reference/completions and …/chat. Extensions: the
request fields `layout`, `heal`, `document`, `priority`, `drafts`, `speculate`, `snippets`, `path`,
`repository` and `chat_model`, `max_tokens` 0, the error's `hint`, and `fimbria` in the list of
models. Reading functions raise KeyError, TypeError or ValueError on what another version may have
written, except that newer members may be absent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from model_runtime.api import (
    Capability,
    ChatRequest,
    CompletionRequest,
    InvalidRequest,
    Layout,
    LoadProgress,
    MissingCapability,
    ModelInfo,
    ModelNotFound,
    OtherFiles,
    OutOfMemory,
    Request,
    RuntimeFailure,
    RuntimeUnavailable,
    UnsupportedModel,
)

Json = dict[str, Any]

SSE_DONE = b"data: [DONE]\n\n"

_FAILURES = {
    failure.code: failure
    for failure in (
        RuntimeFailure,
        InvalidRequest,
        MissingCapability,
        ModelNotFound,
        UnsupportedModel,
        OutOfMemory,
        RuntimeUnavailable,
    )
}

_HTTP_STATUS = {
    InvalidRequest.code: 400,
    MissingCapability.code: 400,
    ModelNotFound.code: 404,
    UnsupportedModel.code: 501,
    OutOfMemory.code: 507,
    RuntimeUnavailable.code: 503,
}


def encode(value: Json) -> bytes:
    """JSON in ASCII: safe inside an event stream, whatever line breaks the text has."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def sse(value: Json) -> bytes:
    """One server-sent event."""
    return b"data: " + encode(value) + b"\n\n"


def request_path(request: Request) -> str:
    """Where `request` is posted."""
    return "/v1/chat/completions" if isinstance(request, ChatRequest) else "/v1/completions"


def request_to_json(request: Request, *, stream: bool, chat_model: str = "") -> Json:
    """The body that asks for `request`. chat_model: see chat_body.py."""
    body = _chat(request) if isinstance(request, ChatRequest) else _completion(request)
    body |= {
        "max_tokens": request.max_tokens,
        "stop": list(request.stop),
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "seed": request.sampling.seed,
        "stream": stream,
        "priority": request.priority.value,
        "n": request.num_candidates,
        "drafts": list(request.drafts),
        "speculate": request.speculate,
    }
    if request.document is not None:
        body["document"] = request.document
    if chat_model and isinstance(request, ChatRequest):
        body["chat_model"] = chat_model
    return body


def _completion(request: CompletionRequest) -> Json:
    body: Json = {
        "prompt": request.prompt,
        "layout": request.layout.value,
        "heal": request.heal,
    }
    if request.suffix is not None:
        body["suffix"] = request.suffix
    if request.snippets:
        body["snippets"] = [{"path": s.path, "text": s.text} for s in request.snippets]
    if request.path:
        body["path"] = request.path
    if request.repository:
        body["repository"] = request.repository
    return body


def _chat(request: ChatRequest) -> Json:
    messages = [{"role": m.role.value, "content": m.content} for m in request.messages]
    body: Json = {"messages": messages}
    if request.model:
        body["model"] = request.model
    return body


def model_to_json(info: ModelInfo, created: int) -> Json:
    """A model as /v1/models lists it."""
    return {
        "id": info.id,
        "object": "model",
        "created": created,
        "owned_by": "fimbria",
        "fimbria": {
            "context_length": info.context_length,
            "capabilities": sorted(info.capabilities),
            "family": info.family,
            "layouts": list(info.layouts),
            "single_line": info.single_line,
            "min_mean_logprob": info.min_mean_logprob,
            "min_token_logprob": info.min_token_logprob,
            "languages": list(info.languages),
            "min_token_logprob_elsewhere": info.min_token_logprob_elsewhere,
            "other_files": info.other_files,
            "device": info.device,
            "dtype": info.dtype,
            "num_parameters": info.num_parameters,
            "kernels": info.kernels,
        },
    }


def model_from_json(listed: Json) -> ModelInfo:
    """The model that model_to_json has written."""
    details = listed["fimbria"]
    return ModelInfo(
        id=listed["id"],
        context_length=details["context_length"],
        capabilities=frozenset(map(Capability, details["capabilities"])),
        family=details.get("family", ""),
        layouts=tuple(map(Layout, details["layouts"])),
        single_line=details["single_line"],
        min_mean_logprob=details.get("min_mean_logprob"),
        min_token_logprob=details.get("min_token_logprob"),
        languages=tuple(details.get("languages", ())),
        min_token_logprob_elsewhere=details.get("min_token_logprob_elsewhere"),
        other_files=OtherFiles(details.get("other_files", OtherFiles.IGNORED)),
        num_parameters=details["num_parameters"],
        device=details["device"],
        dtype=details["dtype"],
        kernels=details.get("kernels", ""),
    )


def progress_to_json(progress: LoadProgress) -> Json:
    """The `progress` object of /v1/status."""
    return {"stage": progress.stage, "fraction": progress.fraction}


def progress_from_json(progress: Json) -> LoadProgress:
    """The progress that progress_to_json has written."""
    return LoadProgress(progress["stage"], progress["fraction"])


@dataclass(frozen=True, slots=True)
class DaemonState:
    """How far a daemon is: with a failure, with a model, or, with neither, loading. idle_s: since
    its last answer, 0 while it is busy. chat_loading: how far its chat model is, while that loads.
    """

    progress: LoadProgress
    failure: RuntimeFailure | None
    model: ModelInfo | None
    version: str
    idle_s: float
    chat_loading: LoadProgress | None = None


def state_from_json(status: Json) -> DaemonState:
    """The part of /v1/status that clients wait for."""
    error, model, chat = status["error"], status["model"], status.get("chat") or {}
    return DaemonState(
        progress=progress_from_json(status["progress"]),
        failure=failure_from_json(error) if error else None,
        model=model_from_json(model) if model else None,
        version=status["version"],
        idle_s=status["idle_s"],
        chat_loading=progress_from_json(chat["progress"])
        if chat.get("state") == "loading"
        else None,
    )


def failure_to_json(failure: RuntimeFailure) -> Json:
    """The `error` object for `failure`: OpenAI's `message`, `type` and `code`, and our `hint`."""
    return error_to_json(failure.code, failure.message, failure.hint, http_status(failure))


def error_to_json(code: str, message: str, hint: str, status: int) -> Json:
    """The `error` object of an answer with this HTTP status."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"message": message, "type": kind, "code": code, "hint": hint}


def failure_from_json(error: Json) -> RuntimeFailure:
    """The failure of the right class; RuntimeFailure itself for a code that this version does not
    know.
    """
    kind = _FAILURES.get(str(error.get("code")), RuntimeFailure)
    return kind(str(error["message"]), str(error.get("hint") or ""))


def http_status(failure: RuntimeFailure) -> int:
    """The HTTP status that goes with `failure`."""
    return _HTTP_STATUS.get(failure.code, 500)
