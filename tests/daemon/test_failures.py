"""Errors told apart, also those of a torch that is not imported."""

from __future__ import annotations

import pytest

from model_runtime.api import OutOfMemory, RuntimeFailure, UnsupportedModel
from model_runtime.failures import DeviceLost, as_failure


class AcceleratorError(RuntimeError):
    """Named as torch's."""


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), OutOfMemory),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), OutOfMemory),
        (AcceleratorError("CUDA error: out of memory"), OutOfMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), OutOfMemory),
        (AcceleratorError("CUDA error: an illegal memory access was encountered"), DeviceLost),
        (RuntimeError("CUDA error: device-side assert triggered"), DeviceLost),
        (RuntimeError("HIP error: unspecified launch failure"), DeviceLost),
        (ValueError("CUDA error: in a text of the user's"), RuntimeFailure),
        (KeyError("x"), RuntimeFailure),
        (UnsupportedModel("as it is"), UnsupportedModel),
    ],
)
def test_errors_have_their_kind(error: Exception, kind: type[RuntimeFailure]) -> None:
    assert type(as_failure(error)) is kind


def test_an_unknown_error_is_not_quoted() -> None:
    assert "secret" not in str(as_failure(ValueError("secret = 1")))
