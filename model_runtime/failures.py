"""From an unexpected exception to what a user is told. Torch-free."""

from __future__ import annotations

import logging
import traceback

from model_runtime.api import OutOfMemory, RuntimeFailure

logger = logging.getLogger(__name__)


def as_failure(error: BaseException) -> RuntimeFailure:
    """What to tell the user about `error`; its traceback goes to the log, without text of the
    user's.
    """
    if isinstance(error, RuntimeFailure):
        return error
    kind = type(error).__name__
    # The message of an unknown error may quote the text that it is about.
    logger.error("%s\n%s", kind, "".join(traceback.format_tb(error.__traceback__)))
    logger.debug("%s: %s", kind, error)
    return memory_failure(error) or RuntimeFailure(
        f"The model runtime failed ({kind}).", "Its log file has the details."
    )


def memory_failure(error: BaseException) -> OutOfMemory | None:
    """The failure to report if `error` says that Python or torch ran out of memory, else None."""
    if not _is_out_of_memory(error):
        return None
    return OutOfMemory(
        "There is not enough memory for the model.",
        "Close other programs, choose a smaller model, --dtype bfloat16 or another device.",
    )


def _is_out_of_memory(error: BaseException) -> bool:
    # torch.OutOfMemoryError by its name: this module does not import torch, whose allocator for
    # the CPU says so in words only.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
