"""`python -m model_runtime serve`: the daemon's process, as clients start it."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from model_runtime.api import RuntimeFailure
from model_runtime.daemon import leave, serve
from model_runtime.failures import INTERRUPTED_STATUS
from model_runtime.places import DaemonSpec

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; returns the exit status."""
    options = _parser().parse_args(arguments)
    spec = DaemonSpec(
        model=options.model,
        device=options.device,
        dtype=options.dtype,
        idle_timeout_s=options.idle_timeout,
        transport=options.transport,
        kv_memory=options.kv_memory,
        adapter=options.adapter,
        context_length=options.context_length,
        family=options.family,
        chat_model=options.chat_model,
    )
    try:
        return serve(spec, foreground=not options.background)
    except RuntimeFailure as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED_STATUS


def _parser() -> argparse.ArgumentParser:
    defaults = DaemonSpec()
    parser = argparse.ArgumentParser(prog="python -m model_runtime")
    commands = parser.add_subparsers(required=True)
    serving = commands.add_parser("serve", help="load a model and serve it on this machine")
    serving.add_argument("--model", default=defaults.model, help="starter, or a checkpoint folder")
    serving.add_argument("--device", default=defaults.device)
    serving.add_argument("--dtype", default=defaults.dtype)
    serving.add_argument(
        "--kv-memory",
        default=defaults.kv_memory,
        metavar="SIZE",
        help="for the KV cache: 4GiB, 512MB, 40%% of what is free, or auto",
    )
    serving.add_argument("--adapter", default=defaults.adapter, help="a LoRA adapter's folder")
    serving.add_argument(
        "--context-length",
        type=int,
        default=defaults.context_length,
        metavar="N",
        help="tokens of a prompt and its answer; 0: what suits model and memory",
    )
    serving.add_argument("--family", default=defaults.family, help="the model's family")
    serving.add_argument(
        "--chat-model", default=defaults.chat_model, help="a second model, for chats"
    )
    serving.add_argument(
        "--idle-timeout",
        type=float,
        default=defaults.idle_timeout_s,
        metavar="SECONDS",
        help="end after so long without a request; 0: never",
    )
    serving.add_argument("--transport", choices=["auto", "unix", "tcp"], default="auto")
    serving.add_argument(
        "--background", action="store_true", help="log to a file; end quietly when not needed"
    )
    return parser


if __name__ == "__main__":
    leave(main())
