"""The setting that says where an engine elsewhere is: `chat_endpoint`."""

from __future__ import annotations


class UnusableEndpoint(ValueError):
    """Kept in the settings all the same: no other model may answer instead of the engine that is
    meant.
    """

    kept = "nobody answers chats until it is corrected"

    def __init__(self, text: str) -> None:
        super().__init__("a URL such as http://127.0.0.1:8080/v1")
        self.usable = text


def is_endpoint(text: str) -> bool:
    """Whether an engine can be asked there, as far as the text tells; an empty one names none."""
    return not text or text.startswith(("http://", "https://"))


def parsed_endpoint(value: object) -> str:
    """Read the setting. Raises ValueError, an UnusableEndpoint where a text is no URL."""
    if not isinstance(value, str):
        raise ValueError("a text")
    text = value.strip().rstrip("/")
    if not is_endpoint(text):
        raise UnusableEndpoint(text)
    return text
