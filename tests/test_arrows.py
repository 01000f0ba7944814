"""The arrows between modules go one way, and what reads stored runs never reaches what measures."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FRAMEWORKS = {
    *("tensorflow", "keras", "sklearn", "onnx", "onnxruntime", "tf2onnx", "skl2onnx", "jax", "torch", "PIL"),
    *("ai_edge_litert", "openvino", "joblib"),
}
WORKERS = (
    "bench.trials.worker",
    "bench.trials.compatibility.worker",
    "bench.commands.trainers.worker",
    "bench.commands.runtimes.prepare",
    "bench.commands.runtimes.worker",
)
"""What another interpreter runs, which has the frameworks that it measures and little else."""
READING = {"records", "stats", "report"}
MEASURING = {"training", "inference", "trials", "commands"}
MOST_NAMES = 22
MOST_LAYERS = 6

Graph = dict[str, set[str]]


def modules(package: str, root: Path = ROOT) -> dict[str, Path]:
    found = {}
    for path in (root / package).rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def imports(tree: ast.AST, *, late: bool = True) -> set[str]:
    """Whatever is imported when the code runs; for annotations alone does not count."""
    names: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif late:
            names |= imports(node)
    return names


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def arrows(root: Path = ROOT) -> Graph:
    """Each module to those that it imports, late ones and the packages around them included."""
    known = modules("bench", root) | modules("models", root)
    graph = {}
    for name, path in known.items():
        found = imports(parse(path))
        around = {".".join(one.split(".")[:count]) for one in found for count in range(1, one.count(".") + 1)}
        graph[name] = ((found | around) & set(known)) - {name}
    return graph


def room(module: str) -> str:
    """The folder of `bench` that a module lies in; loose modules and `models` are rooms of their own."""
    parts = module.split(".")
    return parts[1] if parts[0] == "bench" and len(parts) > 1 else parts[0]


def rooms(graph: Graph) -> Graph:
    """The arrows between rooms; `bench/__init__.py`, which every import runs, is empty."""
    found: Graph = {room(name): set() for name in graph}
    for name, others in graph.items():
        found[room(name)] |= {room(one) for one in others} - {room(name), "bench"}
    return found


def layers(graph: Graph) -> dict[str, int]:
    """How high above the ground each room stands. Raises CycleError."""
    height: dict[str, int] = {}
    for one in TopologicalSorter(graph).static_order():
        height[one] = 1 + max((height[other] for other in graph[one]), default=0)
    return height


def leaks(graph: Graph) -> list[str]:
    """Chains of imports from what reads to what measures."""
    found = []
    for start in sorted(name for name in graph if room(name) in READING):
        chains, todo = {start: start}, [start]
        while todo:
            here = todo.pop()
            for one in sorted(graph[here] - chains.keys()):
                chains[one] = f"{chains[here]} > {one}"
                todo.append(one)
        found += [chain for name, chain in chains.items() if room(name) in MEASURING]
    return found


def test_models_know_nothing_of_bench() -> None:
    for path in modules("models").values():
        assert not {name for name in imports(parse(path)) if name.split(".")[0] in {"bench", "tests"}}, path


def test_nothing_that_measures_knows_of_the_tests() -> None:
    for path in modules("bench").values():
        assert not {name for name in imports(parse(path)) if name.split(".")[0] == "tests"}, path


def test_there_are_no_circles_of_modules() -> None:
    graph = {name: {one for one in found if not name.startswith(f"{one}.")} for name, found in arrows().items()}
    assert list(TopologicalSorter(graph).static_order())


def test_folders_stand_on_few_layers_without_a_circle() -> None:
    assert max(layers(rooms(arrows())).values()) <= MOST_LAYERS


def test_the_map_of_bench_is_short() -> None:
    words = ["git", "ls-files", "bench"]
    files = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert len({name.split("/")[1] for name in files}) <= MOST_NAMES


def test_frameworks_are_imported_late() -> None:
    for path in (modules("bench") | modules("models")).values():
        found = imports(parse(path), late=False)
        assert not {name for name in found if name.split(".")[0] in FRAMEWORKS}, path


def test_what_reads_stored_runs_never_reaches_what_measures() -> None:
    assert leaks(arrows()) == []


@pytest.mark.parametrize("worker", WORKERS)
def test_what_another_interpreter_runs_does_not_need_msgspec(worker: str) -> None:
    graph, reached, todo = arrows(), {worker}, [worker]
    while todo:
        more = graph[todo.pop()] - reached
        reached |= more
        todo += sorted(more)
    files = modules("bench") | modules("models")
    assert not [name for name in reached if "msgspec" in imports(parse(files[name]))]


@pytest.mark.parametrize(
    "text",
    [
        "from bench.host import middle\n",
        "import bench.host.middle\n",
        "def late():\n    from bench.host.middle import x\n",
    ],
)
def test_a_injected_leak_is_found(tmp_path: Path, text: str) -> None:
    for name, content in {
        "report/page.py": text,
        "host/middle.py": "from bench.training import fit\nx = 1\n",
        "training/__init__.py": "fit = 1\n",
    }.items():
        path = tmp_path / "bench" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert leaks(arrows(tmp_path)) == ["bench.report.page > bench.host.middle > bench.training"]


def test_one_module_alone_knows_the_library_of_other_machines() -> None:
    known = {
        name
        for name, path in modules("bench").items()
        if any(one.split(".")[0] in {"distributed", "dask"} for one in imports(parse(path)))
    }
    assert known == {"bench.cluster.engines.dask"}
