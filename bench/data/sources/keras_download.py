"""The source that reads Keras's own cache on this machine, or else downloads from Keras's server."""

from __future__ import annotations

import concurrent.futures
import http.client
import io
import logging
import os
import threading
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.data.idx import format_idx
from bench.data.sources.delivery import CHECKSUMS, FILES, FOLDERS, Files, UnavailableError, Wanted, unpack, verify

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("densebench")

KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
KERAS_DOWNLOAD_MB = {"fashion_mnist": 31, "mnist": 11}
KERAS_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")  # in the order of FILES

_PROBE_TIMEOUT_S = 5.0
_PROBE_LIMIT_S = 8.0
_READ_TIMEOUT_S = 30.0


def fetch_keras(wanted: Wanted) -> Files:
    """The files from Keras's own cache, or else from its server.

    Raises:
        UnavailableError: neither has the files with the right checksums.
    """
    try:
        return _unpack_keras(wanted.name, _read_keras_cache)
    except UnavailableError as lack:
        local = lack
    try:
        _probe_server(wanted)
        LOG.info("downloading %s (%d MB) from Keras's server", wanted.name, KERAS_DOWNLOAD_MB[wanted.name])
        return _unpack_keras(wanted.name, lambda file: _request("GET", _keras_url(file), _READ_TIMEOUT_S))
    except UnavailableError as problem:
        raise UnavailableError(f"{local}; {problem}") from None


def _unpack_keras(name: str, read: Callable[[str], bytes]) -> Files:
    """The verified files of a data set in Keras's formats; `read` returns a file by its name there."""
    try:
        if name == "mnist":
            files = _unpack_npz(read("mnist.npz"))
        else:
            files = {file: unpack(read(f"{FOLDERS[name]}/{file}.gz")) for file in CHECKSUMS[name]}
        return {file: verify(files[file], digest) for file, digest in CHECKSUMS[name].items()}
    except ValueError as problem:
        raise UnavailableError(f"what Keras keeps as {name} {problem}") from None


def _unpack_npz(content: bytes) -> Files:
    """The IDX files of the arrays in Keras's ``mnist.npz``; pickled objects are refused, as they can run code."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)):  # np.load takes other formats too
            pass
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {file: format_idx(np.asarray(arrays[key])) for file, key in zip(FILES, KERAS_NPZ_KEYS, strict=True)}
    except (ValueError, KeyError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as problem:
        raise ValueError(f"is no npz file of uint8 arrays ({problem})") from None


def _read_keras_cache(file: str) -> bytes:
    home = os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")  # noqa: PTH111 - Path's raises without a home
    path = Path(home, "datasets", file)
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UnavailableError(f"Keras's own cache: {path}: {problem.strerror}") from None


def _keras_url(file: str) -> str:
    return f"{KERAS_URL}/{Path(file).name}"


def probe_keras(wanted: Wanted) -> str:
    """A line that names which of the two would deliver; of the server only its answer to HEAD is checked.

    Raises:
        UnavailableError: Keras's own cache lacks the files, and its server does not answer.
    """
    try:
        return f"{len(_unpack_keras(wanted.name, _read_keras_cache))} files in Keras's own cache, checksums verified"
    except UnavailableError:
        return _probe_server(wanted)


def _probe_server(wanted: Wanted) -> str:
    """A line that confirms that Keras's server answers. Raises UnavailableError if it does not.

    A name server, or each of a server's many addresses, may be silent for its own time-out. So the request runs in a
    thread, which is left behind when all of them together take too long.
    """
    url = _keras_url("mnist.npz" if wanted.name == "mnist" else f"{next(iter(CHECKSUMS[wanted.name]))}.gz")
    answer: concurrent.futures.Future[bytes] = concurrent.futures.Future()

    def ask() -> None:
        try:
            answer.set_result(_request("HEAD", url, _PROBE_TIMEOUT_S))
        except Exception as problem:  # noqa: BLE001 - it is raised again in the thread that waits
            answer.set_exception(problem)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer.result(_PROBE_LIMIT_S)
    except concurrent.futures.TimeoutError:
        raise UnavailableError(f"{url}: no answer within {_PROBE_LIMIT_S:g} s") from None
    return f"{url} answers"


def _request(method: str, url: str, timeout_s: float) -> bytes:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - the address is a constant, and https
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310 - as above
            content: bytes = response.read()
            return content
    except urllib.error.HTTPError as problem:
        problem.close()
        raise UnavailableError(f"{url}: HTTP status {problem.code} ({problem.reason})") from None
    except urllib.error.URLError as problem:
        raise UnavailableError(f"{url}: {problem.reason}") from None
    except (OSError, http.client.HTTPException) as problem:
        raise UnavailableError(f"{url}: {problem}") from None
