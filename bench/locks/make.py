"""Makes the lock file of a TensorFlow release: `tox -e lock-versions -- tf222`, or without a name all that there are.

`gpu` is the lock of `tox -e gpu`: that of `bench.txt` with the GPU builds of TensorFlow and ONNX Runtime.

Python 3.11, which every release from 2.12 on runs on. Whatever TensorFlow does not itself force has one version in all
of them, or a comparison of releases would compare more than TensorFlow: that of `bench.txt`, but for onnx.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCKS = Path(__file__).parent
PYTHON = "3.11"
SAME = (
    "joblib",
    "onnxruntime",
    "pillow",
    "platformdirs",
    "pytest",
    "pytest-benchmark",
    "scikit-learn",
    "skl2onnx",
    "tabulate",
    "tf2onnx",
    "threadpoolctl",
)
GPU_BUILDS = {"tensorflow-cpu": "tensorflow[and-cuda]", "onnxruntime": "onnxruntime-gpu"}
"""What `tox -e gpu` has instead of the CPU's build."""
ONNX = "onnx==1.17.0"
"""The one version that every release from 2.12 to 2.21 can be installed and exported with."""


def main(names: list[str]) -> int:
    """Make the lock files; the number of those that could not be made."""
    failures = 0
    if names == ["gpu"]:
        return make_gpu()
    for name in names or sorted(path.stem for path in LOCKS.glob("tf*.txt")):
        match = re.fullmatch(r"tf(\d)(\d+)", name)
        if not match:
            sys.stderr.write(f"{name!r} names no release: tf221 is TensorFlow 2.21.\n")
            failures += 1
            continue
        failures += make(name, f"{match[1]}.{match[2]}") != 0
    return failures


def make(name: str, release: str) -> int:
    """Resolve one release with today's patch version; the resolver's exit status."""
    shared = (LOCKS / "bench.txt").read_text(encoding="utf-8").splitlines()
    pins = [_for_python(line) for line in shared if line.partition("==")[0] in SAME]
    wanted = [f"tensorflow-cpu=={release}.*", ONNX, *(pin for pin in pins if pin)]
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "-", "--python-version", PYTHON]
    command += ["--no-header", "--no-emit-index-url", "--no-annotate", "--quiet", "-o", str(LOCKS / f"{name}.txt")]
    return subprocess.run(command, input="\n".join(wanted), text=True, check=False).returncode  # noqa: S603  fixed words


def make_gpu() -> int:
    """Resolve the GPU builds of what `bench.txt` has, for every Python; the resolver's exit status."""
    shared = (LOCKS / "bench.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in shared if line.partition("==")[0] not in GPU_BUILDS]
    wanted = [_gpu_build(line) for line in shared if line.partition("==")[0] in GPU_BUILDS]
    with tempfile.TemporaryDirectory() as folder:
        without, constraints = Path(folder) / "without.txt", Path(folder) / "constraints.txt"
        without.write_text("\n".join(f"{name} ; sys_platform == 'none'" for name in GPU_BUILDS), encoding="utf-8")
        constraints.write_text("\n".join(pins), encoding="utf-8")
        command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "-", "--universal"]
        command += ["--python-version", "3.10", "--override", str(without), "--constraints", str(constraints)]
        command += ["--no-header", "--no-emit-index-url", "--no-annotate", "--quiet", "-o", str(LOCKS / "gpu.txt")]
        return subprocess.run(command, input="\n".join(wanted), text=True, check=False).returncode  # noqa: S603


def _gpu_build(line: str) -> str:
    """The line of a CPU build in a lock as one that wants the GPU build of the same version."""
    pin, separator, marker = line.partition(" ; ")
    name, _, version = pin.partition("==")
    return f"{GPU_BUILDS[name]}=={version}{separator}{marker}"


def _for_python(line: str) -> str | None:
    """A lock file's line without its marker; ``None`` where the marker is of another Python."""
    pin, _, marker = line.partition(" ; ")
    return None if "< '3.11'" in marker or ">= '3.12'" in marker else pin


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
