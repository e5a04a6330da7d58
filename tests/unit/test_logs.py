from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.logs import log_to_file
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


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (problem,) = log_to_file(Settings(log_file=tmp_path / "file" / "lsp.log"))
    assert "cannot write" in problem
