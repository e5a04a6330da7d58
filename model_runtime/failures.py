"""From an unexpected exception to what a user is told. Torch-free."""

from __future__ import annotations

import logging
import traceback

from model_runtime.api import OutOfMemory, RuntimeFailure, RuntimeUnavailable, UnsupportedModel

INTERRUPTED_STATUS = 130
"""Exit status of a process that Ctrl-C has ended: 128 + SIGINT, as shells have it."""

logger = logging.getLogger(__name__)


class DeviceLost(RuntimeUnavailable):
    """The device refuses all further work of this process: only a new one can use it again."""


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
    return (
        memory_failure(error)
        or device_failure(error)
        or RuntimeFailure(f"The model runtime failed ({kind}).", "Its log file has the details.")
    )


def memory_failure(error: BaseException) -> OutOfMemory | None:
    """The failure to report if `error` says that Python or torch ran out of memory, else None."""
    if not _is_out_of_memory(error):
        return None
    return OutOfMemory(
        "There is not enough memory for the model.",
        "Close other programs, choose a smaller model, --dtype bfloat16 or another device.",
    )


def device_failure(error: BaseException) -> DeviceLost | None:
    """The failure to report if `error` is of a kind after which CUDA or HIP only repeat it, else
    None.
    """
    if not _is_of_device(error):
        return None
    reason = str(error).strip().split("\n")[0]
    logger.error("the device has failed: %s", reason)
    return DeviceLost(
        f"The device has failed: {reason}.",
        "The model daemon ends, and the next request starts another.",
    )


# torch's classes by their names: this module does not import torch. Its allocator for the CPU, and
# older versions of it, say what is wrong in words only.
_OUT_OF_MEMORY = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "HIP error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
_OF_DEVICE = ("CUDA error:", "HIP error:", "device-side assert")


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return _says(error, _OUT_OF_MEMORY)


def _is_of_device(error: BaseException) -> bool:
    return type(error).__name__ == "AcceleratorError" or _says(error, _OF_DEVICE)


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def no_numbers(dtype: object) -> UnsupportedModel:
    """What to say of a model whose logits are not finite. dtype: torch's, that it computes in."""
    advice = "Download the checkpoint again: its weights are damaged."
    if str(dtype) == "torch.float16":
        advice = "Its values may be too large for float16: try --dtype bfloat16 or float32."
    return UnsupportedModel("The model computes no numbers (NaN or infinity).", advice)
