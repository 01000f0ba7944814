"""What starts tasks on machines: this one, or those of a Dask scheduler. Nothing else imports such a library."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.errors import DensebenchError

if TYPE_CHECKING:
    from bench.cluster.engines.engine import Engine

HERE, DASK = "here", "dask"
WORDS = "here, or dask:tcp://HOST:PORT"


def open_engine(word: str) -> Engine:
    """The engine of a word: ``here``, ``dask:tcp://127.0.0.1:8786``.

    Raises:
        DensebenchError: there is no such engine, its library is missing, or its scheduler cannot be reached.
    """
    name, _, address = word.partition(":")
    if word == HERE:
        from bench.cluster.engines.here import Here

        return Here()
    if name != DASK or not address:
        raise DensebenchError(f"--on {word!r} is no place: {WORDS} is.")
    check_address(address)
    try:
        from bench.cluster.engines.dask import Dask
    except ImportError as error:
        raise DensebenchError(
            f"--on {word} needs Dask: `tox -e cluster -- COMMAND` brings it along ({error})."
        ) from None
    return Dask(address)


def check_address(address: str) -> None:
    """Refuse what others might listen to: a task runs what its sender wants, and results are not encrypted.

    Raises:
        DensebenchError: it is neither a loopback nor a private address, and not TLS.
    """
    parts = urlsplit(address)
    if parts.scheme == "tls":
        return
    host = parts.hostname or ""
    try:
        known = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        safe = parts.scheme == "tcp" and parts.port is not None and known.is_private and not known.is_unspecified
    except ValueError:
        safe = False
    if not safe:
        raise DensebenchError(
            f"{address!r} is no address to be used: tcp://127.0.0.1:8786 or a private one is, tls://HOST:PORT, or an "
            "SSH tunnel to one of the first kind."
        )
