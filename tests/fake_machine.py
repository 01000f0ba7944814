"""A machine on which each source is empty until a test fills it; no test that uses it can leave its sandbox."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bench.data.sources import KERAS_URL, UnavailableError
from tests.fake_data import RAW, make_npz, write_files

if TYPE_CHECKING:
    from collections.abc import Callable

TITLES = ["data directory", "cache", "Debian package", "Keras download", "apt-get download"]


def refuse(*_arguments: object, **_options: object) -> NoReturn:
    raise AssertionError("a test tried to leave its sandbox")


class FakeServer:
    """Keras's server, which has ``files`` and remembers what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.before_answer: Callable[[str], None] = lambda _request: None

    def request(self, method: str, url: str, timeout_s: float) -> bytes:
        assert timeout_s > 0
        file = url.removeprefix(f"{KERAS_URL}/")
        self.asked.append(f"{method} {file}")
        self.before_answer(self.asked[-1])
        if file not in self.files:
            raise UnavailableError(f"{url}: Name or service not known")
        return self.files[file] if method == "GET" else b""

    def hold(self, name: str) -> None:
        if name == "mnist":
            self.files = {"mnist.npz": make_npz()}
        else:
            self.files = {f"{file}.gz": gzip.compress(raw) for file, raw in RAW[name].items()}


class FakeApt:
    """The programs of Debian's apt. Each fails with the text that `failures` holds for it."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.failures: dict[str, str] = {}
        self.policy = "dataset-fashion-mnist:\n  Candidate: 0.1-1\n"
        self.folder = Path()

    def run(
        self, command: list[str], *, cwd: Path, timeout: float, **_options: object
    ) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        self.folder = cwd
        step = "unpack" if command[0] == "dpkg-deb" else command[-2] if command[-1].startswith("dataset") else "update"
        if self.failures.get(step) == "hang":
            raise subprocess.TimeoutExpired(command, timeout)
        failed = step in self.failures
        if not failed and step == "download":
            (self.folder / "dataset-fashion-mnist_0.1-1_all.deb").touch()
        if not failed and step == "unpack":
            write_files(self.folder / "unpacked/usr/share/datasets/fashion-mnist", "fashion_mnist")
        return subprocess.CompletedProcess(command, 100 if failed else 0, self.policy, self.failures.get(step, ""))


class World:
    """A machine of which each source is empty until a test fills it."""

    def __init__(self, root: Path) -> None:
        self.named = root / "named"
        self.cache = root / "cache" / "datasets"
        self.debian = root / "debian"
        self.keras = root / "keras" / "datasets"
        self.server = FakeServer()
        self.apt = FakeApt()
        self.programs: set[str] = set()

    def cached(self) -> list[str]:
        return sorted(path.name for path in self.cache.rglob("*") if path.is_file())

    def find_program(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.programs else None


def fill(world: World, title: str) -> None:
    """Lets one source have Fashion-MNIST."""
    if title == "data directory":
        write_files(world.named / "fashion-mnist", "fashion_mnist")
    elif title == "cache":
        write_files(world.cache / "fashion-mnist", "fashion_mnist")
    elif title == "Debian package":
        write_files(world.debian, "fashion_mnist")
    elif title == "Keras download":
        world.server.hold("fashion_mnist")
    else:
        world.programs = {"apt-get", "dpkg-deb"}
