"""Makes the lock file of a TensorFlow release: `tox -e lock-versions -- tf222`, or without a name all that there are.

`gpu` is the lock of `tox -e gpu`: that of `bench.txt` with the GPU builds of TensorFlow and ONNX Runtime. `jax`,
`torch`, `trainers` and `runtimes` are `bench.txt` and what else their environments compare.

A release's lock is for Python 3.11, which every release from 2.12 on runs on. Whatever TensorFlow does not itself force
has one version in all of them, or a comparison of releases would compare more than TensorFlow: that of `bench.txt`, but
for onnx.
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
EXTRAS = {"jax": ["jax"], "torch": ["torch"], "trainers": ["jax", "torch"], "runtimes": ["runtimes"]}
"""The locks that hold more than `bench.txt`, and the extras of pyproject.toml that they add to it."""
TORCH = "torch==2.13.0"
"""The PyTorch that the published tables were measured with."""
# PyTorch's build for Linux in itself pins the CUDA packages that it runs with, several GB of them. In a lock they would
# be fetched by its CPU build as well, which has the same version and wants none.
CUDA = ("cuda-", "nvidia-", "triton")


def main(names: list[str]) -> int:
    """Make the lock files; the number of those that could not be made."""
    failures = 0
    for name in names or sorted(path.stem for path in LOCKS.glob("tf*.txt")):
        match = re.fullmatch(r"tf(\d)(\d+)", name)
        if name == "gpu":
            failures += make_gpu() != 0
        elif name in EXTRAS:
            failures += make_extras(name) != 0
        elif match:
            failures += make(name, f"{match[1]}.{match[2]}") != 0
        else:
            known = ", ".join(["gpu", *EXTRAS])
            sys.stderr.write(f"{name!r} is no lock: tf221 is that of TensorFlow 2.21; the others are {known}.\n")
            failures += 1
    return failures


def make(name: str, release: str) -> int:
    """Resolve one release with today's patch version; the resolver's exit status."""
    shared = (LOCKS / "bench.txt").read_text(encoding="utf-8").splitlines()
    pins = [_for_python(line) for line in shared if line.partition("==")[0] in SAME]
    wanted = [f"tensorflow-cpu=={release}.*", ONNX, *(pin for pin in pins if pin)]
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "-", "--python-version", PYTHON]
    command += ["--no-header", "--no-emit-index-url", "--no-annotate", "--quiet", "-o", str(LOCKS / f"{name}.txt")]
    return subprocess.run(command, input="\n".join(wanted), text=True, check=False).returncode


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
        return subprocess.run(command, input="\n".join(wanted), text=True, check=False).returncode


def make_extras(name: str) -> int:
    """Resolve `bench.txt` and more, for every Python, without CUDA's packages; the resolver's exit status."""
    lock = LOCKS / f"{name}.txt"
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "report", "--universal"]
    command += [word for extra in EXTRAS[name] for word in ("--extra", extra)]
    command += ["--upgrade", "--python-version", "3.10"]
    command += ["--constraints", str(LOCKS / "bench.txt"), "--constraints", "-"]
    command += ["--no-header", "--no-emit-index-url", "--no-annotate", "--quiet", "-o", str(lock)]
    status = subprocess.run(command, input=TORCH, text=True, check=False).returncode
    if status == 0:
        lines = lock.read_text(encoding="utf-8").splitlines(keepends=True)
        lock.write_text("".join(line for line in lines if not line.startswith(CUDA)), encoding="utf-8")
    return status


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
