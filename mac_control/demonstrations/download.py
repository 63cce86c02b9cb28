"""Fetches data sets: D4RL's files over HTTP, Minari's by id."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mac_control.checksums import sha256
from mac_control.demonstrations.hdf5 import check_hdf5
from mac_control.demonstrations.minari_read import minari_folder, minari_root
from mac_control.errors import DataError, first_line

#: Tries without a single new byte before giving up.
TRIES = 4
_TIMEOUT = 30  # without a response [s]
_BLOCK = 1 << 16
_HOSTS = {"hf": "https://huggingface.co", "gcp": "https://storage.googleapis.com"}


def download_file(
    url: str, path: str | Path, checksum: str | None = None, progress: bool = True
) -> Path:
    """Fetch an HDF5 file over HTTP; returns `path`.

    A broken download is resumed where it stopped, even by a later call: the part received so far
    is kept beside `path` as `.NAME.part`. `path` itself appears only when the file is complete,
    its SHA-256 matches `checksum` (where given) and it is HDF5.

    Raises:
        DataError: no network, a response that is not a file, or a checksum that does not match.
    """
    path = Path(path)
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url}: expected an address that begins with http:// or https://")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    failures = 0
    while True:
        before = _size(part)
        try:
            if _fetch(url, part, progress):
                break
            reason = "the connection broke"
        except urllib.error.HTTPError as error:
            error.close()  # it is a response too, and holds its connection
            if error.code < 500:
                raise DataError(f"{url}: expected a file, got HTTP {error.code}") from error
            reason = f"HTTP {error.code}"
        except urllib.error.URLError as error:  # no host: waiting does not help
            if before == 0 and failures == 0:
                raise DataError(f"{url}: expected a network, got {error.reason}") from error
            reason = str(error.reason)
        except (OSError, http.client.HTTPException) as error:
            reason = first_line(error)
        failures = 0 if _size(part) > before else failures + 1
        if failures >= TRIES:
            raise DataError(
                f"{url}: gave up after {TRIES} tries without progress ({reason}); "
                f"{_size(part)} bytes are kept, the next call goes on from there"
            )
        time.sleep(0.1 * 2**failures)
    found = sha256(part)
    if checksum and found != checksum.lower():
        _discard(part)
        raise DataError(f"{url}: expected SHA-256 {checksum}, got {found}; the file is thrown away")
    try:
        check_hdf5(part)
    except DataError as error:
        _discard(part)
        raise DataError(f"{url}: {str(error).split(': ', 1)[1]}") from error
    _validator_file(part).unlink(missing_ok=True)
    with open(part, "rb+") as file:
        os.fsync(file.fileno())  # on disk before the rename
    os.replace(part, path)
    return path


def download_minari(dataset_id: str, force: bool = False) -> Path:
    """Fetch a Minari data set into Minari's folder, unless it is there; returns its folder.

    Raises:
        DataError: no network, or no such data set.
    """
    folder = minari_folder(dataset_id)
    if folder is not None and not force:
        return folder
    remote = os.environ.get("MINARI_REMOTE", "hf://").split("://")[0]
    host = os.environ.get("HF_ENDPOINT", _HOSTS["hf"]) if remote == "hf" else _HOSTS.get(remote)
    if host and (fault := _unreachable(host)):  # Minari's own retries take half a minute
        raise DataError(
            f"{dataset_id}: expected a Minari data set in {minari_root()} or a network to "
            f"fetch it, found no such folder and {fault} at {host}"
        )
    import minari

    try:
        # Minari would take a folder left incomplete by an interruption for complete.
        incomplete = (minari_root() / dataset_id).exists()
        minari.download_dataset(dataset_id, force_download=force or incomplete)
    except ImportError as error:
        raise DataError(f"{dataset_id}: {first_line(error)}") from error
    except Exception as error:
        raise DataError(f"{dataset_id}: could not be fetched ({first_line(error)})") from error
    folder = minari_folder(dataset_id)
    if folder is None:
        raise DataError(f"{dataset_id}: expected data in {minari_root()} after the download")
    return folder


def _fetch(url: str, part: Path, progress: bool) -> bool:
    """One connection: append what arrives to `part`; returns whether the file is complete."""
    have, validator = _size(part), _validator_file(part)
    headers = {"Accept-Encoding": "identity", "User-Agent": "mac-control"}
    if have:
        # Without a name of this version of the file, the rest may be of another version.
        if validator.exists():
            headers |= {"Range": f"bytes={have}-", "If-Range": validator.read_text()}
        else:
            have = 0
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        whole = error.headers.get("Content-Range", "").rpartition("/")[2] == str(have)
        if not whole:
            _discard(part)
        return whole
    with answer:
        try:
            start, total = _extent(answer)
        except ValueError as error:
            raise OSError(f"expected the extent of a file, got {first_line(error)}") from error
        if start not in (0, have):
            raise OSError(f"asked for byte {have}, got byte {start}")
        _note_version(answer, validator)
        with (
            open(part, "ab" if start else "wb") as file,
            tqdm(
                total=total,
                initial=start,
                unit="B",
                unit_scale=True,
                desc=url.rsplit("/", 1)[-1],
                disable=not progress,
            ) as bar,
        ):
            while block := answer.read(_BLOCK):
                file.write(block)
                bar.update(len(block))
    return total is None or _size(part) == total


def _extent(answer: Any) -> tuple[int, int | None]:
    """First byte of a response, and the size of the whole file where it is stated."""
    length = answer.headers.get("Content-Length")
    if answer.status != 206:
        return 0, int(length) if length else None
    extent, _, total = answer.headers.get("Content-Range", "bytes 0-/*")[6:].partition("/")
    return int(extent.split("-")[0]), int(total) if total.isdigit() else None


def _note_version(answer: Any, validator: Path) -> None:
    """Keep the name of this version of the file, for a later `If-Range`."""
    tag = answer.headers.get("ETag")
    if tag and not tag.startswith("W/"):
        validator.write_text(tag)
    elif answer.headers.get("Last-Modified"):
        validator.write_text(answer.headers["Last-Modified"])
    else:
        validator.unlink(missing_ok=True)


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _discard(part: Path) -> None:
    part.unlink()
    _validator_file(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _unreachable(url: str) -> str | None:
    """Why no server responds at `url`; None where one does."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
        return None  # a response, whatever it says
    except (OSError, http.client.HTTPException) as error:
        return first_line(error).strip("<>")
    return None
