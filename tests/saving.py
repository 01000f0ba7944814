"""Nothing measured is lost: commands that store, killed, interrupted and out of disk (`python -m tests.saving`)."""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.records.record import Run, RunFileError, read_run

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Command:
    """A command that stores run files, with the smallest options by which it still saves more than once.

    Attributes:
        text: what follows the interpreter, without `--results` and `--resume`.
        takes_s: about how long it takes on two cores; for readers, since it is measured before it is used.
        fine: the exit statuses of a run that went well.
        resume: what `--resume` takes: ``file``, ``nothing``, or ``None`` where there is no such option.
        needs: tox environments without which it is skipped.
    """

    text: str
    takes_s: int
    fine: Sequence[int] = (0,)
    resume: str | None = None
    needs: Sequence[str] = ()


QUICK = "--quick --dataset=digits --models=logistic_regression,single_dense"
CASE = "--cases=infer[single_dense,batch=1,threads=1] --dataset=digits"
ROUNDS = "--cases=train[single_dense,trainer=compiled] --dataset=digits"
TRIALS = f"{CASE} --trials=2 --budget=30s --total=90s"
RUNTIMES = "--quick --dataset=digits --device=cpu:1 --models=deep_mlp --runtimes='ONNX Runtime,NumPy' --rounds=2"
RELEASES = "--cases=train[single_dense,trainer=compiled] --dataset=digits --releases=2.20,2.21 --budget=60s"
SEARCH = "--dataset=digits --good=2.19 --bad=2.21 --cases=train[single_dense,trainer=compiled] --budget=30s"
PYTHON = shlex.quote(sys.executable)
COMMANDS = {
    "suite": Command(f"-m pytest bench/ --benchmark-only {QUICK}", 12),
    "duel": Command(f"-m bench duel {PYTHON} {PYTHON} {ROUNDS} --budget=30s", 35, (0, 1, 2), "file"),
    "selftest": Command(f"-m bench selftest {PYTHON} {TRIALS}", 75, (0, 1), resume="nothing"),
    "runtimes": Command(f"-m bench runtimes {RUNTIMES}", 16),
    "reproduce": Command("-m bench reproduce t4_mnist_64_32 t4_fashion_first --quick --seeds=1", 16, resume="nothing"),
    "devices": Command(f"-m bench devices --device=cpu:1 -- {QUICK}", 11),
    "trainers": Command("-m bench trainers --blocks=2", 130),
    "releases": Command(f"-m bench releases {RELEASES}", 90, (0, 1, 2), "file"),
    "bisect": Command(f"-m bench bisect {SEARCH}", 100, (0, 1, 2)),
}
WHOLE = "undisturbed"
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGINT": signal.SIGINT}
DISKS = {"full disk": False, "freed disk": True}
"""Whether there is room again after the first save that failed."""
KINDS = ",".join([*SIGNALS, *DISKS])
INTERRUPTED = 130
WHOLE_S, END_S, LEFT_S = 3600.0, 60.0, 10.0
"""How long a whole run may take, a command after a signal, and its children after it."""
DISK_BYTES = 128_000_000
"""More than the commands want to see free before they start."""
Runs = dict[Path, Run]


@dataclass
class Try:
    """One run of a command, and what is wrong with it.

    Attributes:
        before: the run files that could be read before it, and `after` it.
        status: its exit status; minus the signal's number where one ended it.
        said: whether it had printed anything when the signal came; ``None`` where none came.
        excused: whether Ctrl-C came while Python and its imports started, and ended it in another way.
    """

    line: Sequence[str]
    before: Runs
    after: Runs = field(default_factory=dict)
    what: str = WHOLE
    status: int = 0
    output: str = ""
    took_s: float = 0.0
    said: bool | None = None
    excused: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def last_line(self) -> str:
        """The last line that it printed."""
        return (self.output.strip().splitlines() or [""])[-1]

    @property
    def named(self) -> list[Path]:
        """The run files that its last line names."""
        return [Path(path) for path in re.findall(r"[^\s`]+\.json", self.last_line)]

    @property
    def traceback(self) -> list[str]:
        """The fault of printing one, where it did."""
        return ["it printed a traceback"] if "Traceback (most recent call last)" in self.output else []


class Process:
    """A command under way in a folder, in a session of its own, of which nothing is left once it is closed."""

    def __init__(self, command: Command, folder: Path, resume: Sequence[str] = ()) -> None:
        own, dashes, rest = command.text.partition(" -- ")
        self._results, scratch, self._log = folder / "results", folder / "scratch", folder / "output.txt"
        scratch.mkdir(exist_ok=True, parents=True)
        words = [*shlex.split(own), f"--results={self._results}", *resume, *shlex.split(dashes + rest)]
        before, self._unread = read_all(self._results / "raw")
        self.tried = Try([sys.executable, *words], before)
        # Without byte-code, each start would compile TensorFlow anew.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
        self._start_s = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.tried.line,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def close(self) -> None:
        """Kill whatever is left of it."""
        for pid in self._left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def says(self, text: str) -> bool:
        """Whether it has printed a text so far."""
        return text in self._log.read_text(encoding="utf-8", errors="replace")

    def runs_until(self, condition: Callable[[], bool] = lambda: False, *, within_s: float = WHOLE_S) -> bool:
        """Wait for a condition, for the process's end or for a time; whether it still runs."""
        until_s = time.monotonic() + within_s
        while self._process.poll() is None and not condition() and time.monotonic() < until_s:
            time.sleep(0.01)
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal: Ctrl-C to its whole group, as a terminal does; any other to itself alone."""
        self.tried.said = self.says("\n")
        (os.killpg if number == signal.SIGINT else os.kill)(self._process.pid, number)

    def end(self, within_s: float = WHOLE_S) -> Try:
        """Wait for its end, and a little for that of its children; then every run file can still be read."""
        tried, late = self.tried, self.runs_until(within_s=within_s)
        tried.took_s, until_s = time.monotonic() - self._start_s, time.monotonic() + LEFT_S
        while (left := self._left()) and time.monotonic() < until_s:
            time.sleep(0.1)
        self.close()
        tried.status, tried.output = self._process.returncode, self._log.read_text(encoding="utf-8", errors="replace")
        tried.after, unread = read_all(self._results / "raw")
        tried.faults += [f"it did not end within {within_s:.0f} s"] if late else []
        tried.faults += [f"left running after {LEFT_S:.0f} s: {line}" for line in left.values()]
        tried.faults += [fault for fault in unread if fault not in self._unread]
        kept = {path for path, run in tried.after.items() if timings(run) >= timings(tried.before.get(path))}
        tried.faults += [f"{path} has lost timings" for path in tried.before if path not in kept]
        return tried

    def _left(self) -> dict[int, str]:
        """The processes of its session that have not ended: their command lines, by id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state, _, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(session) == self._process.pid and state not in "ZX":
                    found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")[:200]
        return found


def read_all(folder: Path) -> tuple[Runs, list[str]]:
    """The run files below a folder, and what is wrong with those that cannot be read, or are temporary ones."""
    runs, faults = {}, [f"{path} is temporary, but looks like a run" for path in folder.rglob(".*.json")]
    for path in sorted(folder.rglob("*.json")):
        try:
            runs[path] = read_run(path)
        except RunFileError as error:
            faults.append(str(error))
    return runs, faults


def timings(run: Run | None) -> int:
    """How many timings a run file holds."""
    return sum(len(record.values_s) for record in run.records) if run else 0


def whole_faults(command: Command, tried: Try) -> Iterator[str]:
    """What nothing disturbed ends well, and leaves one more complete run file; resumed, it may find all complete."""
    yield from tried.traceback
    if tried.status not in command.fine:
        yield f"exit status {tried.status}"
    before, after = (sum(run.complete for run in runs.values()) for runs in (tried.before, tried.after))
    if after <= before and not ("--resume" in tried.line and before == len(tried.before)):
        yield "there is not one more complete run file"


def interrupt_faults(tried: Try) -> Iterator[str]:
    """Ctrl-C ends a command with its own status, without a traceback, and its last line names no file in vain.

    Before Python's handlers are there it may end otherwise, so long as it has neither said nor stored anything. Once
    all is said and stored, there is nothing left to interrupt.
    """
    new = [run for path, run in tried.after.items() if path not in tried.before]
    done = tried.status == 0 and any(run.complete for run in new)
    faults = [*tried.traceback, *([] if tried.status == INTERRUPTED or done else [f"exit status {tried.status}"])]
    tried.excused = bool(faults) and not tried.said and tried.after.keys() == tried.before.keys()
    yield from [] if tried.excused else faults
    yield from (f"it names {path}, which is not there" for path in tried.named if not path.exists())


def rescue_faults(tried: Try, scratch: Path) -> Iterator[str]:
    """What a full disk did not take lies in the temporary folder, and the status is not 0."""
    saved, faults = read_all(scratch)
    yield from [*faults, *tried.traceback]
    if not any(map(timings, saved.values())):
        yield "nothing that was measured is in the temporary folder"
    if tried.status == 0:
        yield "exit status 0"


def resume_words(command: Command, tried: Try) -> list[str]:
    """The option with which the next run goes on, where the last line of this one offers that."""
    if command.resume is None or "--resume" not in tried.last_line:
        return []
    files = [f"--resume={path}" for path in tried.named[-1:] if path.exists()]
    return files if command.resume == "file" else ["--resume"]


def whole(command: Command, folder: Path, resume: Sequence[str] = ()) -> Try:
    """A run that nothing disturbs."""
    with closing(Process(command, folder, resume)) as process:
        tried = process.end()
    tried.faults += whole_faults(command, tried)
    return tried


def interruptions(command: Command, folder: Path, kind: str, moments_s: Iterator[float], times: int) -> Iterator[Try]:
    """So many runs that get a signal, and a whole one after them; each goes on with the last where that offers it.

    A run that ends before its moment is drawn again.
    """
    resume: list[str] = []
    while times:
        moment_s = next(moments_s)
        with closing(Process(command, folder, resume)) as process:
            if process.runs_until(within_s=moment_s):
                process.send(SIGNALS[kind])
            tried = process.end(END_S)
        tried.what, resume = f"{kind} after {moment_s:.2f} s", resume_words(command, tried)
        if tried.said is None:
            tried.faults += whole_faults(command, tried)
        elif kind == "SIGINT":
            tried.faults += interrupt_faults(tried)
        times -= tried.said is not None
        yield tried
    yield whole(command, folder, resume)


def out_of_disk(command: Command, folder: Path, *, freed: bool) -> Iterator[Try]:
    """A run whose disk is full from its start to its end, or until its first save has failed; none without root."""
    results, filler = folder / "results", folder / "results" / "filler"
    results.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(results)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        return
    try:
        with closing(Process(command, folder)) as process:
            process.runs_until(lambda: any(results.glob("raw/*/")))
            time.sleep(0.5)  # it tries the folder first, and has nothing to save for seconds
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, os.statvfs(results).f_bavail * os.statvfs(results).f_bsize)
            if freed and process.runs_until(lambda: process.says("NOT SAVED")):
                filler.unlink()
            tried = process.end()
    finally:
        subprocess.run(["/usr/bin/env", "umount", "--lazy", str(results)], check=True)
    tried.what = "there is room after the first NOT SAVED" if freed else "there is no room"
    tried.faults += [] if "NOT SAVED" in tried.output else ["it does not say NOT SAVED"]
    tried.faults += whole_faults(command, tried) if freed else rescue_faults(tried, folder / "scratch")
    yield tried


def prove(name: str, folder: Path, options: argparse.Namespace, failed: list[Try]) -> Iterator[str]:
    """A line for each kind of disturbance of a command; tries that failed are added to `failed`."""
    command, whole_s = COMMANDS[name], 0.0
    if missing := [one for one in command.needs if not (ROOT / ".tox" / one / "bin" / "python").exists()]:
        yield f"{name:10} {'all':11} skipped: there is no .tox/{', .tox/'.join(missing)}"
        return
    for kind in (WHOLE, *options.kinds.split(",")):
        place, done = folder / name / kind.replace(" ", "-"), list[Try]()
        chance = random.Random(f"{options.seed} {name} {kind}")
        moments_s = (chance.uniform(0, whole_s) for _ in itertools.count())
        tries: Iterator[Try] = iter([])
        if kind in SIGNALS:
            tries = interruptions(command, place, kind, moments_s, options.times)
        else:
            tries = out_of_disk(command, place, freed=DISKS[kind]) if kind in DISKS else iter([whole(command, place)])
        for tried in tries:
            say(f"{name}, {kind}: {tried.what}: {'; '.join(tried.faults) or 'fine'} ({tried.took_s:.1f} s)")
            done.append(tried)
        failed += [tried for tried in done if tried.faults]
        yield f"{name:10} {kind:11} {summary(done)}"
        whole_s = whole_s or done[0].took_s
        if kind == WHOLE and done[0].faults:
            return


def summary(done: Sequence[Try]) -> str:
    """How many of the tries were fine; those without a signal count only where none got one."""
    if not done:
        return "skipped: mounting takes root"
    counted = [tried for tried in done if tried.said is not None] or done
    text = f"{sum(not tried.faults for tried in counted)} of {len(counted)} fine"
    if excused := sum(tried.excused for tried in done):
        text += f" ({excused} while Python started)"
    others = [tried for tried in done if tried.said is None and tried.faults and counted is not done]
    return text + (f"; FAILED beside them: {len(others)} undisturbed" if others else "")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Try every command, or those that are named; 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.saving", description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)} (default: all)")
    parser.add_argument("--times", type=int, default=10, help="interruptions of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16), help="of the moments (default: drawn)")
    parser.add_argument("--kinds", default=KINDS, help="with commas between (default: %(default)s)")
    options = parser.parse_args()
    if unknown := {*options.commands, *options.kinds.split(",")} - {*COMMANDS, *KINDS.split(",")}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # in the background it is ignored, and children inherit that
    say(f"seed {options.seed}")
    failed: list[Try] = []
    with tempfile.TemporaryDirectory() as folder:
        names = options.commands or COMMANDS
        lines = [line for name in names for line in prove(name, Path(folder), options, failed)]
    for tried in failed:
        say(f"\n$ {shlex.join(tried.line)}\n{tried.what}: {'; '.join(tried.faults)}\n{tried.output}")
    say("\n".join(["", *lines]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
