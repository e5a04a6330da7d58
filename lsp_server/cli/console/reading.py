"""Texts that somebody types into a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.cli.console.commands import is_known, parse_command
from lsp_server.cli.console.modes import END, Mode

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.history import History
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import Output

_INDENT = " " * 4


def ended_text(text: str) -> str | None:
    """A text without the line `!!` that ends it; None while it has no such line."""
    body, _, last = f"\n{text.rstrip()}".rpartition("\n")
    return body.removeprefix("\n") if last.strip() == END else None


def sent_text(mode: Mode, text: str) -> str | None:
    """What Enter sends; None if it begins a new line instead."""
    ended = ended_text(text)
    if ended is not None:
        return ended
    called = parse_command(text)
    return text if mode.enter_sends or (called and is_known(called)) else None


@dataclass(slots=True)
class _Draft:
    """What stood in the line before a key was pressed."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class TypedTexts:
    """Reads from a terminal, one text at a time."""

    session: PromptSession[str]
    draft: _Draft

    async def read(self, draft: str = "") -> str:
        """The next text, after editing; `draft` is what stands there already.

        Raises EOFError when the user wants to leave, KeyboardInterrupt when they drop the text.
        """
        self.draft.text = draft
        # Ctrl-C is a key here; as a signal it belongs to who stops answers.
        return await self.session.prompt_async(default=draft, handle_sigint=False)

    @property
    def dropped(self) -> bool:
        """Whether there was any text that Ctrl-C could drop."""
        return bool(self.session.default_buffer.text)


def typed_texts(
    mode: Mode,
    history: History | None = None,
    terminal: tuple[Input, Output] | None = None,
) -> TypedTexts:
    """Open the terminal, or the given one, for reading."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.layout.processors import TabsProcessor

    prompt = f"{mode.name}> "
    given_input, given_output = terminal or (None, None)
    draft = _Draft()
    session: PromptSession[str] = PromptSession(
        [("bold ansicyan", prompt)],
        multiline=True,
        prompt_continuation=" " * len(prompt),
        key_bindings=_bindings(mode, draft),
        history=history,
        input_processors=[TabsProcessor(char1=" ", char2=" ")],
        input=given_input,
        output=given_output,
    )
    return TypedTexts(session, draft)


def _bindings(mode: Mode, draft: _Draft) -> KeyBindings:
    """Enter as the mode has it, and the other of its two meanings on Alt-Enter. Ctrl-D leaves also
    where all that stands there is the text that has just been refused.

    Nothing is indented by itself: what a terminal pastes without brackets would be indented twice.
    """
    from prompt_toolkit.application.current import get_app
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    @bindings.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        _send_or_break(mode, event.current_buffer)

    @bindings.add("escape", "enter")
    def _alt_enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if mode.enter_sends:
            buffer.newline(copy_margin=False)
        else:
            _send(buffer, ended_text(buffer.text) or buffer.text)

    @bindings.add("tab")
    def _tab(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(_INDENT)

    @bindings.add("c-d", filter=Condition(lambda: get_app().current_buffer.text == draft.text))
    def _ctrl_d(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError)

    return bindings


def _send_or_break(mode: Mode, buffer: Buffer) -> None:
    text = sent_text(mode, buffer.text)
    if text is None:
        buffer.newline(copy_margin=False)
    else:
        _send(buffer, text)


def _send(buffer: Buffer, text: str) -> None:
    """Accept the text; blank ones are not worth a prompt of their own."""
    if not text.strip():
        buffer.reset()
        return
    buffer.text = text
    buffer.validate_and_handle()
