"""Which part of a model goes where, when no single device has room for all of it. Torch-free: plans
with numbers of bytes.

A model is a row of parts that follow each other: embedding, layers, head. Neighbours stay together,
so that what goes from one device to another goes once per device.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model_runtime.api import OutOfMemory, RuntimeFailure

BALANCED, OFFLOAD = "balanced", "offload"
SHARED = (BALANCED, OFFLOAD)
"""What `--device` says beside the names of devices: the layers spread over all GPUs; or as many as
fit on the first GPU, the others in main memory or, last, on disk, from where each step fetches
them.
"""
DISK = "disk"
_PRECISION = 2**-20


@dataclass(frozen=True, slots=True)
class Part:
    """A module and the memory that its weights take."""

    name: str
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """What a device can hold of a model's weights."""

    device: str
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """The devices that a model is shared among, in the order of its parts. balanced: equally, each
    by its room; else one after the other.
    """

    rooms: tuple[Room, ...]
    balanced: bool

    def plan(self, parts: Sequence[Part]) -> dict[str, str]:
        """The device of each part by name. Raises OutOfMemory."""
        return spread(parts, self.rooms) if self.balanced else fill(parts, self.rooms)


def choose_sharing(
    device: str, weights_bytes: int, gpus: Sequence[Room], host: Room
) -> Sharing | None:
    """What `--device` and the memory ask for; None to put the whole model on one device.

    `auto` spreads a model that the first GPU has no room for, if all of them together do. Raises
    RuntimeFailure where there is nothing to share.
    """
    if device == OFFLOAD:
        return Sharing((*gpus[:1], host, Room(DISK, weights_bytes)), balanced=False)
    if device == BALANCED and len(gpus) < 2:
        raise RuntimeFailure(
            f"--device {BALANCED} spreads a model over several GPUs; here is "
            f"{'one' if gpus else 'none'}.",
            f"Use --device auto, or --device {OFFLOAD} for a model that is too large.",
        )
    too_large = len(gpus) > 1 and weights_bytes > gpus[0].num_bytes
    together = sum(room.num_bytes for room in gpus)
    if device == BALANCED or (device == "auto" and too_large and weights_bytes <= together):
        return Sharing(tuple(gpus), balanced=True)
    return None


def fill(parts: Sequence[Part], rooms: Sequence[Room]) -> dict[str, str]:
    """Each device in turn, as far as it goes. Raises OutOfMemory when parts are left over."""
    found = _fill(parts, rooms, 1.0)
    if found is None:
        needed = sum(part.num_bytes for part in parts)
        there = sum(room.num_bytes for room in rooms)
        raise OutOfMemory(
            f"The weights take {needed / 2**30:.1f} GiB; {_names(rooms)} have room for "
            f"{there / 2**30:.1f} GiB.",
            f"Choose a smaller model, a lower precision, or --device {OFFLOAD}.",
        )
    return found


def spread(parts: Sequence[Part], rooms: Sequence[Room]) -> dict[str, str]:
    """So that the fullest device is as little full as can be. Raises OutOfMemory."""
    best = fill(parts, rooms)
    low, high = 0.0, 1.0
    while high - low > _PRECISION:
        middle = (low + high) / 2
        found = _fill(parts, rooms, middle)
        low, high = (low, middle) if found is not None else (middle, high)
        best = found or best
    return best


def _fill(parts: Sequence[Part], rooms: Sequence[Room], fraction: float) -> dict[str, str] | None:
    """Use up to this fraction of each room; None when that does not suffice."""
    found: dict[str, str] = {}
    left = iter(rooms)
    room, used = next(left), 0
    for part in parts:
        while used + part.num_bytes > room.num_bytes * fraction:
            following = next(left, None)
            if following is None:
                return None
            room, used = following, 0
        found[part.name] = room.device
        used += part.num_bytes
    return found


def _names(rooms: Iterable[Room]) -> str:
    return ", ".join(room.device for room in rooms)
