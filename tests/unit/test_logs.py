from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.logs import log_elsewhere, log_to_file
from lsp_server.settings import Settings


@pytest.fixture(autouse=True)
def restored_loggers() -> Iterator[None]:
    loggers = [logging.getLogger(), logging.getLogger("pygls")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        for handler in set(logger.handlers) - set(handlers):
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)


def written(settings: Settings) -> str:
    """Log as this server and pygls do, and return what is in the file."""
    assert settings.log_file is not None
    assert log_to_file(settings) == []
    logging.getLogger("lsp_server.x").info("ours %s", "kept")
    logging.getLogger("pygls.protocol").info("Sending data: %s", "secret text")
    logging.getLogger("pygls.protocol").error("Failed to handle %r: %s", "m", "secret text")
    return settings.log_file.read_text()


def test_document_text_is_not_logged(tmp_path: Path) -> None:
    log = written(Settings(log_file=tmp_path / "deep" / "lsp.log"))
    assert "ours kept" in log
    assert "Failed to handle %r" in log
    assert "secret" not in log


def test_debug_logs_everything(tmp_path: Path) -> None:
    log = written(Settings(log_file=tmp_path / "lsp.log", log_level="debug"))
    assert log.count("secret text") == 2


def test_new_settings_are_followed(tmp_path: Path) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    written(Settings(log_file=first))
    assert log_elsewhere(Settings(log_file=second, log_level="debug")) == []
    logging.getLogger("lsp_server.x").debug("later")
    assert log_elsewhere(Settings(log_file=second, log_level="error")) == []
    logging.getLogger("lsp_server.x").warning("too little")
    assert "later" not in first.read_text()
    assert second.read_text().count("later") == 1
    assert "too little" not in second.read_text()


def test_a_file_that_can_be_written_follows_one_that_cannot(tmp_path: Path) -> None:
    assert log_to_file(Settings(log_file=tmp_path)) != []
    assert log_elsewhere(Settings(log_file=tmp_path / "lsp.log")) == []
    logging.getLogger("lsp_server.x").info("found")
    assert "found" in (tmp_path / "lsp.log").read_text()


def test_a_server_that_was_not_told_to_log_does_not(tmp_path: Path) -> None:
    assert log_elsewhere(Settings(log_file=tmp_path / "lsp.log")) == []
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (problem,) = log_to_file(Settings(log_file=tmp_path / "file" / "lsp.log"))
    assert "cannot write" in problem
