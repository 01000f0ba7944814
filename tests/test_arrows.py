"""The arrows between modules go one way."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
FRAMEWORKS = {
    *("tensorflow", "keras", "sklearn", "onnx", "onnxruntime", "tf2onnx", "skl2onnx", "jax", "torch", "PIL"),
    *("ai_edge_litert", "openvino", "joblib"),
}


def modules(package: str) -> dict[str, Path]:
    found = {}
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_models_know_nothing_of_bench() -> None:
    for path in modules("models").values():
        assert not {name for name in imports(path) if name.split(".")[0] in {"bench", "tests"}}, path


def test_nothing_that_measures_knows_of_the_tests() -> None:
    for path in modules("bench").values():
        assert not {name for name in imports(path) if name.split(".")[0] == "tests"}, path


def test_there_are_no_circles() -> None:
    known = modules("bench") | modules("models")
    graph = {name: (imports(path) & set(known)) - {name} for name, path in known.items()}
    assert list(TopologicalSorter(graph).static_order())


def test_frameworks_are_imported_late() -> None:
    for path in (modules("bench") | modules("models")).values():
        assert not {name for name in imports(path, top_level=True) if name.split(".")[0] in FRAMEWORKS}, path


def test_reading_results_needs_nothing_that_measures() -> None:
    measuring = {
        "bench.commands.suite.model_store",
        "bench.inference.export",
        "bench.inference.onnx_session",
        "bench.trained",
        "bench.training",
        "bench.commands.suite.recorder",
    }
    reading = [ROOT / "bench" / f"{name}.py" for name in ("records", "tables", "main_page", "formats", "percentiles")]
    for folder in ("reports", "web"):
        reading += (ROOT / "bench" / folder).rglob("*.py")
    for path in reading:
        assert not imports(path) & measuring, path
