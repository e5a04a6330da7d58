"""What went wrong with the Hugging Face hub, and the exact next step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from model_runtime.api import ModelNotFound, RuntimeFailure, RuntimeUnavailable

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


@contextmanager
def explained(name: str, endpoint: str) -> Iterator[None]:
    """Turn huggingface_hub's errors about OWNER/NAME into RuntimeFailure."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise _gated(name, endpoint) from error
    except errors.RepositoryNotFoundError as error:
        raise _missing(name, endpoint) from error
    except errors.OfflineModeIsEnabled as error:
        raise _offline(name) from error
    except errors.LocalEntryNotFoundError as error:
        raise (_offline(name) if is_offline() else _unreachable(endpoint, error)) from error
    except errors.EntryNotFoundError as error:
        raise ModelNotFound(
            f"{name} has no config.json on the hub: it is no checkpoint in Hugging Face format.",
            "Choose a model whose page lists one.",
        ) from error
    except errors.HfHubHTTPError as error:
        raise _refused(name, endpoint, error) from error
    except Exception as error:
        if not _is_connection_error(error):
            raise
        raise _unreachable(endpoint, error) from error


def _gated(name: str, endpoint: str) -> RuntimeFailure:
    page = f"{endpoint}/{name}"
    if _has_token():
        return RuntimeFailure(
            f"{name} is gated, and your account has no access to it yet.",
            f"Accept its terms at {page} with the account of your token (`hf auth whoami`), then: "
            f"fimbria models pull {name}",
        )
    return RuntimeFailure(
        f"{name} is gated: its owner asks you to log in and to accept terms.",
        f"1. Accept them at {page}. 2. Log in: `hf auth login`, or set HF_TOKEN. 3. Run: "
        f"fimbria models pull {name}",
    )


def _missing(name: str, endpoint: str) -> ModelNotFound:
    private = "" if _has_token() else " If it is private, log in first: `hf auth login`."
    return ModelNotFound(
        f"The hub has no model {name}, and there is no such folder.",
        f"Look for its exact name at {endpoint}/models, or give a folder's whole path.{private}",
    )


def _offline(name: str) -> RuntimeFailure:
    return RuntimeUnavailable(
        f"{name} is not complete on this machine, and HF_HUB_OFFLINE forbids to download it.",
        f"Run: HF_HUB_OFFLINE=0 fimbria models pull {name}",
    )


def _unreachable(endpoint: str, error: Exception) -> RuntimeFailure:
    reason = (str(error) or type(error).__name__).split("\n")[0].rstrip(".")
    return RuntimeUnavailable(
        f"The hub at {endpoint} cannot be reached: {reason}.",
        "Check the network, then run the same command again: it goes on where it was.",
    )


def _refused(name: str, endpoint: str, error: Exception) -> RuntimeFailure:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == _UNAUTHORIZED and _has_token():
        return RuntimeFailure(
            "The hub does not know your token.", "Log in again: `hf auth login`, or set HF_TOKEN."
        )
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        return _gated(name, endpoint)
    if status == _NOT_FOUND:
        return _missing(name, endpoint)
    return RuntimeUnavailable(
        f"The hub at {endpoint} answered with status {status}.", "Try again in a while."
    )


def _is_connection_error(error: Exception) -> bool:
    """Whether an error of whichever HTTP library huggingface_hub uses means a broken connection."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, OSError):
        # "Consistency check failed": the connection ended before the file did.
        return (error.filename is None and error.errno is None) or isinstance(
            error, ConnectionError
        )
    return bool(kinds & {"TransportError", "RequestError"})


def _has_token() -> bool:
    from huggingface_hub import get_token

    return bool(get_token())


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids to ask the hub."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)
