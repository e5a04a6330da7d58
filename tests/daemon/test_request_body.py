"""What a completion's JSON body may say, and which field an error names."""

from __future__ import annotations

import pytest

from model_runtime.api import CompletionRequest, InvalidRequest, Layout, SamplingParams
from model_runtime.request_body import parse_completion, parse_json
from model_runtime.wire import encode, request_to_json


def test_every_field_survives_the_way_to_the_daemon() -> None:
    request = CompletionRequest(
        prompt="def f():\r\n\u2028☺😀",
        suffix="",
        max_tokens=7,
        stop=("\n\n", "</s>"),
        sampling=SamplingParams(temperature=0.5, top_p=0.9, seed=-3),
        layout=Layout.PSM,
        heal=False,
        document="file:///a.py",
    )
    body = parse_completion(parse_json(encode(request_to_json(request, stream=True))))
    assert body.request == request
    assert body.stream
    assert body.model is None


def test_defaults_are_those_of_the_request() -> None:
    body = parse_completion({"prompt": "x", "suffix": None, "stop": None, "n": 1, "logprobs": None})
    assert body.request == CompletionRequest(prompt="x")
    assert not body.stream


def test_stop_may_be_one_string() -> None:
    assert parse_completion({"prompt": "", "stop": "\n"}).request.stop == ("\n",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ["x"]),
        ("prompt", None),
        ("prompt", "\ud800"),
        ("suffix", 1),
        ("max_tokens", "many"),
        ("max_tokens", True),
        ("max_tokens", 1.5),
        ("max_tokens", 0),
        ("stop", {"a": 1}),
        ("stop", ["a", 2]),
        ("stop", [""]),
        ("stop", ["a"] * 65),
        ("temperature", "hot"),
        ("temperature", -1),
        ("temperature", float("nan")),
        ("top_p", 1.5),
        ("top_p", 10**400),
        ("seed", 0.5),
        ("seed", 2**63),
        ("stream", "yes"),
        ("heal", 1),
        ("layout", "xyz"),
        ("document", 3),
        ("model", {}),
        ("n", 2),
        ("echo", True),
        ("logprobs", 5),
        ("logit_bias", {"1": 5}),
    ],
)
def test_an_error_names_the_field(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=f"^`{field}`"):
        parse_completion({"prompt": "x", field: value})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]", b"3", b"[" * 200_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="JSON"):
        parse_json(body)
