"""What a completion's JSON body may say, and which field an error names."""

from __future__ import annotations

import pytest

from model_runtime.api import CompletionRequest, InvalidRequest
from model_runtime.fields import MAX_CANDIDATES, MAX_DRAFT_LEN, MAX_DRAFTS, parse_json
from model_runtime.request_body import parse_completion


def test_defaults_are_those_of_the_request() -> None:
    body = parse_completion({"prompt": "x", "suffix": None, "stop": None, "n": None, "best_of": 1})
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
        ("max_tokens", -1),
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
        ("n", 0),
        ("n", MAX_CANDIDATES + 1),
        ("n", True),
        ("best_of", 2),
        ("priority", "urgent"),
        ("priority", 1),
        ("drafts", {"text": "a"}),
        ("drafts", ["a", None]),
        ("drafts", ["\udc00"]),
        ("drafts", ["a"] * (MAX_DRAFTS + 1)),
        ("drafts", ["a" * (MAX_DRAFT_LEN + 1)]),
        ("speculate", "no"),
        ("snippets", {"path": "a.py", "text": ""}),
        ("snippets", ["x"]),
        ("snippets", [{"text": "x"}]),
        ("snippets", [{"path": "a.py", "text": 1}]),
        ("path", 1),
        ("repository", ["r"]),
        ("echo", True),
        ("logprobs", 5),
        ("logit_bias", {"1": 5}),
    ],
)
def test_an_error_names_the_field(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=f"^`{field}[`\\[]"):
        parse_completion({"prompt": "x", field: value})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]", b"3", b"[" * 200_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="JSON"):
        parse_json(body)


def test_a_misspelt_field_is_not_ignored() -> None:
    """With `maxtokens` one silently got the default; what other engines know may be there."""
    with pytest.raises(InvalidRequest, match="Did you mean `max_tokens`"):
        parse_completion({"prompt": "a", "maxtokens": 2})
    assert parse_completion({"prompt": "a", "user": "me", "stream_options": {}})


def test_a_wrong_value_is_quoted() -> None:
    with pytest.raises(InvalidRequest, match=r"a whole number, not 1\.5"):
        parse_completion({"prompt": "a", "max_tokens": 1.5})


def test_line_breaks_of_windows_are_read_as_others() -> None:
    snippets = [{"path": "a.py", "text": "b\r\n"}]
    sent = {"prompt": "a\r\nb\rc\n", "suffix": "\r\n", "snippets": snippets}
    request = parse_completion(sent).request
    assert isinstance(request, CompletionRequest)
    assert (request.prompt, request.suffix) == ("a\nb\rc\n", "\n")
    assert request.snippets[0].text == "b\n"
