"""What the models of each chat family are sent for a code action, control tokens included."""

from __future__ import annotations

from pathlib import Path

from model_runtime.api import ChatRequest
from tests.action_prompts import check_golden, messages
from tests.conftest import PROJECT
from tests.runtime.chats import CHATTING, opened, shown

FAMILY_GOLDEN = PROJECT / "tests" / "golden" / "prompts_families.json"


def test_the_exact_tokens_of_every_family(family_folders: Path, update_golden: bool) -> None:
    found = {}
    for name in CHATTING:
        renderer = opened(family_folders / name)
        request = ChatRequest(messages=messages("fix"))
        renderer.check(request)
        found[name] = shown(renderer, renderer.render(request).ids).split("\n")
    check_golden(FAMILY_GOLDEN, found, update_golden)
