"""Fixtures for all tests: where the data lie, and models to run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")

PROJECT = Path(__file__).resolve().parent.parent
# Nobody's own settings and downloads.
os.environ["XDG_CONFIG_HOME"] = str(PROJECT / "tests" / "no-such-folder")
os.environ["HF_HUB_CACHE"] = str(PROJECT / "tests" / "no-such-folder")

# On a busy machine any example takes long now and then, and that proves nothing.
settings.register_profile("suite", deadline=None, max_examples=50)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def starter_folder() -> Path:
    return PROJECT / "model_runtime" / "starter"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Other people's data, which is not part of the project."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data folder is not beside the checkout")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
