"""The commands in the project's READMEs: found, told apart, and run (`tox -e documented`)."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    "README.ko.md",
    "CONTRIBUTING.md",
    "bench/README.md",
    "models/README.md",
    "results/README.md",
)
NOT_RUN = {
    "python3 -m pip install": "installs tox, which runs this already",
    "tox -e bench": "CI runs it before these, as README.md has it",
    "tox": "CI runs it before these, as README.md has it",
    "tox -e documented": "it is what runs these",
    "tox -e gpu": "needs a GPU",
    "tox -e torch": "installs PyTorch: several GB",
    "tox -e trainers": "installs PyTorch: several GB",
    "tox -e cluster": "needs a scheduler, and other machines",
    "tox -e releases": "45 minutes, and 20 GB of environments",
    "pytest bench/ --benchmark-only --dataset mnist --data-dir": "the folder is the reader's",
    "pytest bench/ --benchmark-only --model": "the model is the reader's",
    "python -m bench runtimes --model": "the model is the reader's",
    "python -m bench duel onnxruntime==1.20.1": "the model is the reader's",
    "python -m bench duel tensorflow-cpu==2.21.0": "the models are the reader's",
    "python -m bench trainers": "25 minutes",
    "python -m bench releases": "45 minutes, and 20 GB of environments",
    "python -m bench duel bench": "an environment of the reader's",
    "python -m bench duel BASE HEAD...": "environments of the reader's",
    "python -m bench duel tf215": "30 minutes, and 5 GB of environments",
    "python -m bench duel tensorflow-cpu==2.20.0": "installs 4 GB, and takes 8 minutes",
    "tox exec -e bench -- python -m bench duel tensorflow-cpu==2.20.0": "installs 4 GB, and takes 8 minutes",
    "python -m bench bisect": "10 minutes, and 4 GB of environments",
    "python -m bench explain": "15 minutes, and 4 GB of environments",
    "python -m bench compatibility": "installs 4 to 20 GB, and takes up to 15 minutes",
    "python -m bench selftest": "20 minutes",
    "python -m bench report --publish RUN": "changes what is published",
    "python -m bench report --measure": "two hours",
    "python -m bench reproduce t5_mlp_128 --seeds 10": "10 trainings of 10 epochs; `reproduce t4` is run, with --quick",
}
"""Beginnings of commands that are parsed only, and why."""
WHOLE = ("tox", "tox -e bench")
"""What is left out only where nothing follows."""
MORE = {
    "tox -e jax": ["--", "--quick"],
    "tox -e runtimes": ["--", "--quick", "--models", "deep_mlp", "--rounds", "1"],
    "tox -e tf219": ["--", "--quick"],
    "tox -e tests -- -k tables": ["-q"],
    "tox -e bench -- --quick": ["--dataset", "digits"],
    "pytest bench/ --benchmark-only": ["--quick"],
    "python -m bench devices": ["--", "--quick"],
    "python -m bench runtimes": ["--quick", "--models", "deep_mlp", "--rounds", "1"],
    "python -m bench reproduce": ["--quick", "--seeds", "1"],
}
"""What a command that takes longer than three minutes is given when it is run; the longest beginning counts."""


@dataclass(frozen=True, slots=True)
class Documented:
    """A command as a README has it."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """What the shell makes of it."""
        return shlex.split(self.text)

    @property
    def reason(self) -> str | None:
        """Why it is not run; ``None`` where it is."""
        return _longest(NOT_RUN, self.text)


def documented() -> list[Documented]:
    """Every command in a block of shell, in the order of the pages; each of several on a line is one."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                whole = shlex.join(shlex.split(line, comments=True))
                found += [Documented(page, part.strip()) for part in whole.split("'&&'") if part.strip()]
    return found


def to_run() -> list[list[str]]:
    """The words of each command that is run, once."""
    texts = dict.fromkeys(one.text for one in documented() if one.reason is None)
    return [[*shlex.split(text), *(_longest(MORE, text) or [])] for text in texts]


def _longest(known: dict[str, T], text: str) -> T | None:
    """The value of the longest beginning of a text that is known; ``None`` where none is."""
    starts = [start for start in known if text == start or (text.startswith(f"{start} ") and start not in WHOLE)]
    return known[max(starts, key=len)] if starts else None


def main() -> int:
    """Run every command that is not left out; 1 where one fails."""
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        stand_ins = _stand_ins(Path(folder))
        for words in to_run():
            command = [one for word in words for one in _expanded(stand_ins.get(word, word))]
            print(f"\n$ {shlex.join(command)}", flush=True)
            start_s = time.monotonic()
            status = subprocess.run(_found(command), cwd=ROOT, check=False).returncode
            print(f"{time.monotonic() - start_s:.0f} s, status {status}", flush=True)
            failed += [] if status == 0 else [shlex.join(command)]
    print("\nFAILED:" if failed else "\nEvery documented command works.", *failed, sep="\n  ")
    return 1 if failed else 0


def _stand_ins(folder: Path) -> dict[str, str]:
    """Files in place of those that a README only names."""
    from PIL import Image

    picture = folder / "shirt.png"
    Image.linear_gradient("L").save(picture)
    runs = sorted((ROOT / "results" / "raw").glob("*/*-fashion_mnist-cpu-*.json"))
    return {"shirt.png": str(picture), "A.json": str(runs[0]), "B.json": str(runs[0])}


def _expanded(word: str) -> list[str]:
    """What a shell makes of a word with stars: the files that there are."""
    return sorted(map(str, ROOT.glob(word))) if "*" in word and "/" in word else [word]


def _found(command: list[str]) -> list[str]:
    """The command with its program where this interpreter has it."""
    if command[0] == "python":
        return [sys.executable, *command[1:]]
    beside = Path(sys.executable).parent / command[0]
    return [str(beside) if beside.exists() else shutil.which(command[0]) or command[0], *command[1:]]


if __name__ == "__main__":
    sys.exit(main())
