"""The source that downloads the Debian package with apt-get and unpacks it, without root or installation."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.data.sources.delivery import Files, UnavailableError, Wanted, read_files
from bench.data.sources.local import DEBIAN_DIR, DEBIAN_PACKAGE, require_debian_package

LOG = logging.getLogger("densebench")

_APT_UPDATE_LIMIT_S = 120.0
_APT_DOWNLOAD_LIMIT_S = 300.0
_UNPACK_LIMIT_S = 60.0
_POLICY_LIMIT_S = 5.0

# Lists and caches of its own, none of the system's hooks (they may empty the system's cache), no switch to the user
# _apt (who may not write here). A file, because "#clear" after the system's own settings cannot be said by -o.
_APT_CONFIG = """\
Dir::State "{folder}";
Dir::State::lists "{folder}/lists/";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache/";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "10";
Acquire::https::Timeout "10";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


def fetch_apt(wanted: Wanted) -> Files:
    """The files of the Debian package, downloaded and unpacked in a temporary directory.

    Raises:
        UnavailableError: Debian has no such package, this machine lacks a program, or one of them failed.
    """
    _require_apt(wanted)
    LOG.info("downloading the Debian package %s (31 MB and apt's lists) with apt-get", DEBIAN_PACKAGE)
    with tempfile.TemporaryDirectory(prefix="densebench-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        package = _download_package(folder)
        _check_run(["dpkg-deb", "-x", package.name, "unpacked"], folder, _UNPACK_LIMIT_S)
        return read_files(folder / "unpacked" / DEBIAN_DIR.relative_to("/"), wanted.name)


def _require_apt(wanted: Wanted) -> None:
    require_debian_package(wanted)
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise UnavailableError(f"this machine has no {program}")


def _download_package(folder: Path) -> Path:
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "apt.conf").write_text(_APT_CONFIG.format(folder=folder), encoding="utf-8")
    apt = ["apt-get", "-c", "apt.conf"]
    update = _run([*apt, "update"], folder, _APT_UPDATE_LIMIT_S)  # one dead repository fails it, others may do
    try:
        _check_run([*apt, "download", DEBIAN_PACKAGE], folder, _APT_DOWNLOAD_LIMIT_S)
    except UnavailableError as problem:
        said = update.stderr.strip().partition("\n")[0] or "nothing"
        raise UnavailableError(f"{problem}; apt-get update before it said: {said}") from None
    packages = list(folder.glob(f"{DEBIAN_PACKAGE}_*.deb"))
    if not packages:
        raise UnavailableError(f"apt-get download said that all went well, but left no {DEBIAN_PACKAGE}_*.deb")
    return packages[0]


def _check_run(command: list[str], folder: Path, limit_s: float) -> None:
    done = _run(command, folder, limit_s)
    if done.returncode != 0:
        raise UnavailableError(f"{' '.join(command)} failed: {_last_line(done.stderr)}")


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2] or "nothing"


def _run(command: list[str], folder: Path, limit_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{' '.join(command)} was stopped after {limit_s:g} s") from None


def probe_apt(wanted: Wanted) -> str:
    """A line that names the version of the package that apt knows.

    Raises:
        UnavailableError: as for `fetch_apt`, or apt's lists on this machine do not name the package.
    """
    _require_apt(wanted)
    policy = _run(["apt-cache", "policy", DEBIAN_PACKAGE], Path("/"), _POLICY_LIMIT_S).stdout
    candidate = policy.partition("Candidate:")[2].strip().partition("\n")[0]
    if candidate in {"", "(none)"}:
        hint = "it may still be found, since fetching it begins with up-to-date lists"
        raise UnavailableError(f"apt's lists on this machine do not name {DEBIAN_PACKAGE}; {hint}")
    return f"apt knows {DEBIAN_PACKAGE} {candidate}"
