"""The files by which clients find a running daemon: put right while it runs, removed at its end."""

from __future__ import annotations

import logging

from model_runtime.listening import Listener
from model_runtime.places import DaemonFiles, file_identity
from model_runtime.transport import Endpoint, read_endpoint, write_endpoint

logger = logging.getLogger(__name__)


class Presence:
    """The endpoint file, socket and lock of one daemon, whose lock must be held. Somebody may
    remove them at any time: a user, or what cleans temporary folders.
    """

    def __init__(self, files: DaemonFiles, endpoint: Endpoint, listener: Listener) -> None:
        self._files = files
        self._endpoint = endpoint
        self._listener = listener
        self._lock = file_identity(files.lock)

    def announce(self) -> None:
        """Tell clients where the daemon listens. Raises OSError."""
        write_endpoint(self._files.endpoint, self._endpoint)

    def fault(self) -> str | None:
        """Why no client can find this daemon any more; None when it can be found, which a damaged
        endpoint file does not change: it is written again.
        """
        if file_identity(self._files.lock) != self._lock:
            return f"{self._files.lock} is not the daemon's own any more"
        if not self._listener.is_in_place():
            return f"{self._listener.path} is not the daemon's own any more"
        if read_endpoint(self._files.endpoint) == self._endpoint:
            return None
        try:
            self.announce()
        except OSError as error:
            return f"{self._files.endpoint} cannot be written ({error.strerror})"
        logger.warning("%s was damaged or gone; written again", self._files.endpoint)
        return None

    def withdraw(self) -> None:
        """Stop listening and leave nothing behind, but what has become another daemon's."""
        if read_endpoint(self._files.endpoint) in (None, self._endpoint):
            self._files.endpoint.unlink(missing_ok=True)
        self._listener.close()
