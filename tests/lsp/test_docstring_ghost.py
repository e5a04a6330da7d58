"""Opening quotes under a `def`: the whole docstring as ghost text."""

from __future__ import annotations

import pytest

from lsp_server.positions import PositionEncoding
from lsp_server.settings import Settings
from model_runtime.api import CompletionRequest, RuntimeUnavailable
from tests.fakes import FakeRuntime
from tests.lsp.client import URI, LspClient, changing
from tests.lsp.sessions import CURSOR, apply_item, cursor_of, session


def offered(fixture: str, *prose: str, options: object = None) -> str | None:
    """Return the buffer after accepting what is offered at the cursor, if anything is."""
    text, cursor = cursor_of(fixture, PositionEncoding.UTF16)
    results = []

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        request = client.complete(*cursor)
        for answer in prose:
            (await runtime.next_call()).answer(answer)
        results.append(await client.result(request))

    session(scenario, options=options)
    items = results[0]["items"]
    return apply_item(text, items[0], PositionEncoding.UTF16) if items else None


@pytest.mark.parametrize("closing", ["", '"""'])
@pytest.mark.parametrize("body", ["", "\n        return [path]", "\n\n    def g(self): ..."])
def test_the_whole_docstring(closing: str, body: str) -> None:
    before = 'class A:\n    def f(self, path: str, depth=0) -> list:\n        """'
    result = offered(
        f"x = '😋'\n{before}{CURSOR}{closing}{body}",
        *["Look for files.", "Where to look", "How deep", "What was found."],
    )
    docstring = """Look for files.

        Args:
            path (str): Where to look.
            depth: How deep. Defaults to 0.

        Returns:
            list: What was found.
        \"\"\""""
    assert result is not None
    assert result.replace(CURSOR, "") == f"x = '😋'\n{before}{docstring}{body}"


@pytest.mark.parametrize("between", ["", "    if True:\n        x = 1\n\n# once more\n"])
def test_a_method_whose_class_is_not_finished(between: str) -> None:
    above = f"class A:\n    def f(self, n):\n        return n\n\n{between}"
    before = f'{above}    def go(self, n):\n        """'
    result = offered(f"{before}{CURSOR}\n\n    def go2(self, m):\n        \n", "Go.", "How far.")
    assert result is not None
    docstring = 'Go.\n\n        Args:\n            n: How far.\n        """'
    assert result.replace(CURSOR, "").startswith(before + docstring)


def test_line_breaks_tabs_and_style() -> None:
    result = offered(
        f'def f(x):\r\n\t"""{CURSOR}"""\r\n\treturn\r\n',
        *["Do it.", "Of what."],
        options={"fimbria": {"docstringStyle": "sphinx"}},
    )
    assert result is not None
    expect = 'def f(x):\r\n\t"""Do it.\r\n\r\n\t:param x: Of what.\r\n\t"""\r\n\treturn\r\n'
    assert result.replace(CURSOR, "") == expect


@pytest.mark.parametrize("closing", ["", "'''"])
def test_single_quotes_open_a_docstring_too(closing: str) -> None:
    before = "def f(x):\n    '''"
    result = offered(f"{before}{CURSOR}{closing}\n    return", "Do it.", "Of what.")
    assert result is not None
    docstring = "Do it.\n\n    Args:\n        x: Of what.\n    '''"
    assert result.replace(CURSOR, "") == f"{before}{docstring}\n    return"


@pytest.mark.parametrize(
    "fixture",
    [
        f'"""{CURSOR}',
        f"def f(x):\n    '''{CURSOR}\"\"\"",
        f'def f(x):\n    """{CURSOR}\n    Said already.\n    """\n',
        f'def f(x):\n    """\n    Said already.\n    """{CURSOR}\n',
        f'def f(x):\n    x = 1\n    """{CURSOR}',
        f'def f(x:\n    """{CURSOR}',
    ],
)
def test_elsewhere_it_is_ghost_text_as_ever(fixture: str) -> None:
    text, cursor = cursor_of(fixture, PositionEncoding.UTF16)

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        await client.result(client.complete(*cursor))

    (call,) = session(scenario, "Words.").calls
    assert isinstance(call.request, CompletionRequest)
    assert call.request.prompt == fixture.partition(CURSOR)[0]


def test_in_other_languages_quotes_are_quotes() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        document = {"uri": URI, "languageId": "julia", "version": 1, "text": 'def f(x):\n    """'}
        client.notify("textDocument/didOpen", {"textDocument": document})
        await client.result(client.complete(1, 7))

    assert len(session(scenario, "Words.").calls) == 1


def test_typing_along_asks_nobody() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open('def f(x):\n    """')
        await client.result(client.complete(1, 7))
        runtime.calls.clear()
        client.send(changing("L", 1, 7, version=2))
        (item,) = (await client.result(client.complete(1, 8)))["items"]
        assert item["insertText"].startswith("ook up.\n\n    Args:\n        x: The x.")
        assert not runtime.calls

    session(scenario, "Look up.")


@pytest.mark.parametrize(
    ("suggested", "guess_ahead"), [('"""', False), ('"""', True), ('"""Do it."""', False)]
)
def test_quotes_that_a_model_has_suggested_open_a_docstring_too(
    suggested: str, guess_ahead: bool
) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("def f(x):\n    ")
        request = client.complete(1, 4)
        (await runtime.next_call()).answer(suggested)
        (item,) = (await client.result(request))["items"]
        assert item["insertText"] == suggested
        client.send(changing('"""', 1, 4, version=2))
        request = client.complete(1, 7)
        for prose in ["Look up.", "Of what."]:
            (await runtime.next_call()).answer(prose)
        (item,) = (await client.result(request))["items"]
        assert item["insertText"] == 'Look up.\n\n    Args:\n        x: Of what.\n    """'

    session(scenario, settings=Settings(warm_up=False, guess_ahead=guess_ahead, statistics=False))


def test_typing_on_ends_it_and_the_model_stops() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open('def f(x, y):\n    """')
        request = client.complete(1, 7)
        (await runtime.next_call()).answer("Look up.")
        second = await runtime.next_call()
        client.send(changing("Z", 1, 7, version=2))
        assert await client.result(request) is None
        await second.aborted.wait()

    assert len(session(scenario).calls) == 2


def test_a_model_that_fails_in_the_middle_offers_nothing() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open('def f(x, y):\n    """')
        request = client.complete(1, 7)
        (await runtime.next_call()).answer("Look up.")
        (await runtime.next_call()).fail(RuntimeUnavailable("It has ended.", "Start it."))
        assert await client.result(request) == {"items": []}
        message = await client.take("window/showMessage")
        assert "It has ended" in message["params"]["message"]
        await client.take("window/logMessage")

    assert len(session(scenario).calls) == 2
