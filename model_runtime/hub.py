"""Downloads models from the Hugging Face hub into the cache that all its programs share.

huggingface_hub finds, authorises and links the files. Their bytes are kept here while they come:
since its version 2, a download that is interrupted would begin each file anew, and a file of Code
Llama is 10 GB. What it would do differently (its Xet protocol) ends in the same blobs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_runtime.api import ModelNotFound, RuntimeFailure, UnsupportedModel
from model_runtime.hub_cache import (
    find_snapshot,
    hub_cache,
    is_complete,
    is_hub_name,
    repository_folder,
)
from model_runtime.hub_errors import explained, is_offline

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_OFFICIAL_ENDPOINT = "https://huggingface.co"
_WANTED_SUFFIXES = (".safetensors", ".json", ".model", ".txt", ".jinja", ".tiktoken")
# The same weights once more, in their authors' own format.
_DUPLICATES = ("consolidated",)
_FILE_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model on the hub. num_bytes: 0 when the hub does not say."""

    name: str
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Remote:
    """A model on the hub at one commit: the files that are worth having."""

    name: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def num_bytes(self) -> int:
        return sum(file.num_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far a download has come. done: bytes there, those of earlier attempts included."""

    file: str
    done: int
    total: int


Report = Callable[[Transfer], None]


def hub_endpoint() -> str:
    """Address of the hub: $HF_ENDPOINT or the public one."""
    return os.environ.get("HF_ENDPOINT", _OFFICIAL_ENDPOINT).rstrip("/")


def look_up(name: str) -> Remote:
    """Ask the hub what OWNER/NAME consists of. Raises RuntimeFailure with the next step when there
    is no such model, it is gated, holds no safetensors, or the hub cannot be reached.
    """
    _check_name(name)
    with explained(name, hub_endpoint()):
        info = _api().model_info(name, files_metadata=True)
        found = [(one.rfilename, one.size or 0) for one in info.siblings or []]
    files = tuple(HubFile(file, size) for file, size in found if _is_wanted(file))
    if not any(file.name.endswith(".safetensors") for file in files):
        kinds = sorted({Path(file).suffix for file, _ in found} & {".bin", ".gguf", ".pth"})
        raise UnsupportedModel(
            f"{name} holds no safetensors weights"
            + (f", only {', '.join(kinds)}." if kinds else "."),
            "Choose a model that does; most have a variant in Hugging Face format.",
        )
    return Remote(name, info.sha or "main", files)


def pull(name: str, report: Report) -> Path:
    """Download OWNER/NAME, a model or an adapter, or what is missing of it, and return its folder.

    May be interrupted at any time; the next call goes on where it was. Only a complete download
    becomes what the name stands for. Raises RuntimeFailure.
    """
    from filelock import FileLock

    _check_name(name)
    folder = find_snapshot(name)
    if is_offline() and folder is not None and is_complete(folder):
        return folder
    remote = look_up(name)
    repository = repository_folder(name)
    with _disk_errors_explained(), explained(name, hub_endpoint()):
        (repository / "blobs").mkdir(parents=True, exist_ok=True)
        with FileLock(repository / ".fimbria.lock"):
            return _pull(remote, repository, report)


def fetch_config(name: str) -> Path:
    """Folder with at least the `config.json` of OWNER/NAME, downloaded if need be. Raises
    RuntimeFailure.
    """
    _check_name(name)
    folder = find_snapshot(name)
    if folder is not None and (folder / "config.json").is_file():
        return folder
    from huggingface_hub import hf_hub_download

    with explained(name, hub_endpoint()):
        _api().model_info(name)  # which tells at once, not after many tries, that nobody is there
        file = hf_hub_download(name, "config.json", cache_dir=hub_cache(), endpoint=hub_endpoint())
    return Path(file).parent


def _pull(remote: Remote, repository: Path, report: Report) -> Path:
    progress = _Progress(remote, report)
    _check_room(remote, repository)
    folder = repository / "snapshots" / remote.commit
    for file in remote.files:
        progress.begin(file)
        if not (folder / file.name).is_file():
            _fetch(remote, file, repository, progress)
        progress.end(file)
    reference = repository / "refs" / "main"
    reference.parent.mkdir(exist_ok=True)
    unfinished = reference.with_suffix(".new")
    unfinished.write_text(remote.commit, encoding="utf-8")
    unfinished.replace(reference)
    return folder


def _fetch(remote: Remote, file: HubFile, repository: Path, progress: _Progress) -> None:
    """Bring one file's bytes, then have huggingface_hub link them into the snapshot."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    endpoint = hub_endpoint()
    url = hf_hub_url(remote.name, file.name, revision=remote.commit, endpoint=endpoint)
    found = get_hf_file_metadata(url, endpoint=endpoint)
    if found.etag and _FILE_NAME.fullmatch(found.etag):
        blob = repository / "blobs" / found.etag
        if not blob.exists():
            _fetch_blob(url, blob, found.size, progress)
    hf_hub_download(
        remote.name,
        file.name,
        revision=remote.commit,
        cache_dir=hub_cache(),
        endpoint=endpoint,
        tqdm_class=progress.bar(),
    )


def _fetch_blob(url: str, blob: Path, size: int | None, progress: _Progress) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    partial = blob.with_name(f"{blob.name}.fimbria-partial")
    with partial.open("ab") as stream:
        num_there = stream.tell()
        if size is not None and num_there > size:
            num_there = 0
            stream.truncate(0)
        progress.add(num_there)
        http_get(
            url,
            stream,
            resume_size=num_there,
            headers=build_hf_headers(),
            expected_size=size,
            tqdm_class=progress.bar(),
        )
    if not _is_intact(partial, blob.name):
        partial.unlink()
        raise RuntimeFailure("What was downloaded is damaged.", "Try again: it begins anew.")
    partial.replace(blob)


def _is_intact(file: Path, etag: str) -> bool:
    """Compare with the checksum that large files have for their etag."""
    if len(etag) != hashlib.sha256().digest_size * 2:
        return True
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == etag


class _Progress:
    """Adds up the bytes of all files."""

    def __init__(self, remote: Remote, report: Report) -> None:
        self._report = report
        self._total = remote.num_bytes
        self._before = 0
        self._of_file = 0
        self._name = ""

    def begin(self, file: HubFile) -> None:
        self._name, self._of_file = file.name, 0
        self._tell()

    def add(self, num_bytes: int) -> None:
        self._of_file += num_bytes
        self._tell()

    def end(self, file: HubFile) -> None:
        self._before += file.num_bytes
        self._of_file = 0
        self._tell()

    def _tell(self) -> None:
        done = self._before + self._of_file
        self._report(Transfer(self._name, min(done, self._total), self._total))

    def bar(self) -> Any:
        """What huggingface_hub takes for a class of progress bars."""
        progress = self

        class Bar:
            """Quacks like tqdm as far as a download goes."""

            def __init__(self, *_: object, **__: object) -> None:
                pass

            def __enter__(self) -> Bar:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def update(self, num_bytes: float | None = 1) -> None:
                progress.add(int(num_bytes or 0))

            def close(self) -> None:
                pass

        return Bar


def _is_wanted(file: str) -> bool:
    """Whether transformers would read it; folders hold other formats or training states."""
    return file.endswith(_WANTED_SUFFIXES) and "/" not in file and not file.startswith(_DUPLICATES)


def _check_name(name: str) -> None:
    if not is_hub_name(name):
        raise ModelNotFound(
            f"{name!r} is no name of the Hugging Face hub.",
            "Names have the form OWNER/NAME, such as codellama/CodeLlama-7b-hf.",
        )


def _check_room(remote: Remote, repository: Path) -> None:
    there = sum(_sizes(repository / "blobs"))
    needed, free = remote.num_bytes - there, shutil.disk_usage(repository).free
    if needed > free:
        raise RuntimeFailure(
            f"{remote.name} needs {needed / 2**30:.1f} GiB more, and {hub_cache()} has "
            f"{free / 2**30:.1f} GiB free.",
            "Make room, or set HF_HOME to a folder on another disk.",
        )


def _sizes(folder: Path) -> Iterable[int]:
    return (file.stat().st_size for file in folder.iterdir() if file.is_file())


@contextmanager
def _disk_errors_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise RuntimeFailure(
            f"The download cannot be written to {hub_cache()}: {error.strerror}.",
            "Set HF_HOME to a folder that can be written, with room for the model.",
        ) from error


def _api() -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub_endpoint())
