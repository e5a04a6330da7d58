"""Downloads a model in a process of its own: whoever waits stays light and responsive, and stops
the download by ending that process. It goes on where it was the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from model_runtime.api import LoadProgress, ProgressCallback, RuntimeFailure
from model_runtime.hub_cache import find_snapshot, is_hub_name, missing_part

# A line about each further hundredth is more than anybody can see.
_STEPS = 200


def needs_download(name: str) -> bool:
    """Whether a model is only named so far: OWNER/NAME, no folder, not complete in the cache."""
    if not is_hub_name(name) or Path(name).is_dir():
        return False
    folder = find_snapshot(name)
    return folder is None or missing_part(folder) is not None


async def download(name: str, progress: ProgressCallback) -> None:
    """Download OWNER/NAME; cancelling stops it. Raises RuntimeFailure."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "model_runtime.hub_process", name),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
    )
    failure: RuntimeFailure | None = None
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            failure = _take(json.loads(line), progress)
        status = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if failure is not None:
        raise failure
    if status != 0:
        raise RuntimeFailure(
            f"The download of {name} ended unexpectedly (status {status}).",
            f"Run it by hand to see why: fimbria models pull {name}",
        )


def _take(message: dict[str, object], progress: ProgressCallback) -> RuntimeFailure | None:
    if "failure" in message:
        return RuntimeFailure(str(message["failure"]), str(message.get("hint", "")))
    progress(LoadProgress(str(message["stage"]), float(str(message["fraction"]))))
    return None


def _environment() -> dict[str, str]:
    home = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{home}{os.pathsep}{inherited}" if inherited else home}


def main(arguments: Sequence[str]) -> int:
    """Download, telling each step as a line of JSON on standard output."""
    from model_runtime import hub

    last = -1

    def report(transfer: hub.Transfer) -> None:
        nonlocal last
        fraction = transfer.done / max(1, transfer.total)
        if int(fraction * _STEPS) != last:
            last = int(fraction * _STEPS)
            size = f"{transfer.done / 2**30:.1f} of {transfer.total / 2**30:.1f} GiB"
            # 1 would say that the model is ready.
            _tell(stage=f"downloading {arguments[0]}, {size}", fraction=min(fraction, 0.999))

    try:
        hub.pull(arguments[0], report)
    except RuntimeFailure as failure:
        _tell(failure=failure.message, hint=failure.hint)
        return 1
    return 0


def _tell(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
