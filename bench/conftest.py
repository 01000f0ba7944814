"""pytest hooks and fixtures of the suite: options, cases, the run file and the closing table."""

from __future__ import annotations

import contextlib
import os
import signal
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.commands.ci import add_to_summary
from bench.commands.suite.latency import Latencies, Wanted
from bench.commands.suite.model_store import ModelStore
from bench.commands.suite.options import SuiteOptions, add_options, read_options
from bench.commands.suite.own_models import OwnModels
from bench.commands.suite.recorder import Recorder
from bench.data.datasets import MADE_UP, Dataset, load_dataset
from bench.errors import FAILED, INTERRUPTED, USAGE, DensebenchError
from bench.files import short
from bench.formats import format_counted
from bench.host.devices import claim_device
from bench.host.gpu import describe_gpu
from bench.host.machine import machine_name
from bench.host.metadata import collect_metadata
from bench.inference.own_models.file import batch_sizes
from bench.progress import Progress, logging_to
from bench.records.cases import BATCH_SIZES, DEFAULT_BACKEND, SCIKIT_LEARN, case_name
from bench.records.record import RunFileError, RunReader
from bench.records.run_file import RunWriter, reserve_run_path
from bench.report.own_pages import beside_published, refresh_pages
from bench.report.pages.suite import HEADLINE_BATCH, caption, headline_table, notices, same_graph
from bench.training.backends import backend, claim_backend
from models import RECIPES, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STAGES = ("train", "infer")
OWN_STATUS: dict[int, int] = {
    pytest.ExitCode.INTERRUPTED: INTERRUPTED,
    pytest.ExitCode.NO_TESTS_COLLECTED: USAGE,
}
"""pytest's exit statuses that are others here."""
CASE_PARAMETERS = {"batch": "batch_size", "threads": "threads"}
OPTIONS = pytest.StashKey[SuiteOptions]()
PROGRESS = pytest.StashKey[Progress]()
MODELS = pytest.StashKey[ModelStore]()
RECORDER = pytest.StashKey[Recorder]()
LATENCIES = pytest.StashKey[Latencies]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the suite's own options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Check the command line and claim the device, before anything slow or irreversible."""
    with _usage_errors():
        settings = read_options(config)
        claim_device(settings.device)
        claim_backend(settings.backend)
    config.stash[OPTIONS] = settings
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")  # pytest captures the original
    config.stash[PROGRESS] = Progress(stream)
    config.add_cleanup(stream.close)
    config.option.benchmark_disable_gc = True  # a collection inside the clock is nobody's latency
    config.option.benchmark_quiet = not config.option.benchmark_verbose  # the results table takes its place
    # A library's warning must not become an exception inside a timed region; pytest lists them at the end.
    config.addinivalue_line("filterwarnings", "default")
    # Keras 3.12 and older on NumPy 2: harmless, once per array.
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation:DeprecationWarning")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one case per model, and for latency one per model, batch size and thread count."""
    settings = metafunc.config.stash[OPTIONS]
    threads = sorted({1, settings.device.threads})
    if "batch_size" not in metafunc.fixturenames:
        metafunc.parametrize("recipe_name", settings.recipes, ids=settings.recipes)
        return
    rows = [(name, size) for name in settings.recipes for size in BATCH_SIZES]
    rows += [(name, size) for name, file in settings.own.items() for size in batch_sizes(file)]
    # the labels take part in -k, which allows no "="
    metafunc.parametrize(("recipe_name", "batch_size"), rows, ids=[f"{name}-batch{size}" for name, size in rows])
    labels = [f"{count}thread{'s' * (count > 1)}" for count in threads]
    metafunc.parametrize("threads", threads, ids=labels)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort training before inference, which uses the models that training leaves in the model store.

    Where only the user's own models are measured, there is nothing to train.
    """
    items[:] = [item for item in items if _stage(item) != "train" or config.stash[OPTIONS].recipes]
    items.sort(key=lambda item: STAGES.index(_stage(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Load the data, reserve the run file and start Keras: outside failures end the run before any measurement."""
    config = session.config
    if config.option.collectonly or not session.items or session.testsfailed:
        return
    settings, progress = config.stash[OPTIONS], config.stash[PROGRESS]
    logged = contextlib.ExitStack()
    logged.enter_context(logging_to(progress))
    config.add_cleanup(logged.close)
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    reporter.showfspath = reporter._show_progress_info = False  # noqa: SLF001  our lines take their place
    started_at = datetime.now(timezone.utc)
    with _usage_errors():
        progress.update("loading the data set")
        dataset = _load(settings)
        parts = [dataset.name, settings.device.name.replace(":", "")]
        parts += [settings.backend] if settings.backend != DEFAULT_BACKEND else []
        label = "-".join([*parts, "quick"] if settings.quick else parts)
        path = reserve_run_path(settings.results, machine_name(), label, started_at)
        kinds = [RECIPES[name].framework for name in settings.recipes] + [one.kind for one in settings.own.values()]
        if "keras" in kinds:
            progress.update(f"starting Keras on {settings.backend}")
            backend().start(settings.device)
    config.stash[MODELS] = ModelStore(
        dataset, settings.device, quick=settings.quick, seeds=range(settings.seeds), trainer=settings.trainer
    )
    config.stash[RECORDER] = _begin_recorder(config, dataset, path, started_at)
    config.stash[RECORDER].planned = [_case(item) for item in session.items]
    own = OwnModels(settings.own)
    config.stash[LATENCIES] = Latencies(config.stash[MODELS], own, _latency_rows(session.items))
    for line in _opening_lines(settings, dataset, path):
        progress.done(line)


@pytest.fixture
def recipe(recipe_name: str) -> Recipe:
    """The recipe that the case measures."""
    return RECIPES[recipe_name]


@pytest.fixture
def case(request: pytest.FixtureRequest) -> str:
    """The row's name: ``train[deep_mlp,trainer=compiled]``, ``infer[deep_mlp,batch=1,threads=1]``."""
    return _case(request.node)


@pytest.fixture
def model_store(pytestconfig: pytest.Config) -> ModelStore:
    """The trained models of this process."""
    return pytestconfig.stash[MODELS]


@pytest.fixture
def latencies(pytestconfig: pytest.Config) -> Latencies:
    """The latency rows of this process."""
    return pytestconfig.stash[LATENCIES]


@pytest.fixture
def recorder(pytestconfig: pytest.Config) -> Recorder:
    """The recorder of this process, which writes the run file."""
    return pytestconfig.stash[RECORDER]


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Suppress pytest's dots and letters; each case prints its own result line."""
    return (report.outcome, "", "") if report.when == "call" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save the run file for the last time; if its folder cannot be written, save to the temporary folder."""
    recorder = session.config.stash.get(RECORDER, None)
    session.config.stash[PROGRESS].clear()
    session.exitstatus = OWN_STATUS.get(session.exitstatus, session.exitstatus)
    if recorder and recorder.records and not recorder.finish():
        session.exitstatus = session.exitstatus or FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the results table and the paths of the files that were written."""
    recorder = config.stash.get(RECORDER, None)
    if recorder is None:
        return
    write = terminalreporter.write_line
    terminalreporter.ensure_newline()
    if len(recorder.done) < len(recorder.planned):
        write(f"Ended early: {len(recorder.done)} of {len(recorder.planned)} cases are complete.", red=True)
    for trouble in recorder.troubles:
        write(trouble, red=True)
    if recorder.records:
        _write_summary(write, config.stash[OPTIONS], recorder)


def _write_summary(write: Any, settings: SuiteOptions, recorder: Recorder) -> None:
    reader = RunReader()
    try:
        run = reader.read(recorder.writer.path)
    except RunFileError as error:
        write(str(error), red=True)
        return
    told = [*notices(run), headline_table(run), same_graph(run, [HEADLINE_BATCH]), caption(run)]
    for paragraph in filter(None, told):
        write(f"\n{paragraph}")
    for line in beside_published(run, reader):
        write(f"\n{line}", yellow=True)
    written = [short(recorder.writer.path), *(short(file) for file in recorder.files)]
    try:
        written += refresh_pages(settings.results, "suite", reader, run)
        add_to_summary("\n\n".join(["# densebench", *filter(None, told)]))
    except (OSError, DensebenchError) as error:
        write(f"the tables could not be written: {error}", red=True)
    write("\nWrote:")
    for line in written:
        write(f"  {line}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said and stored: nothing is left to interrupt


def _begin_recorder(config: pytest.Config, dataset: Dataset, path: Path, started_at: datetime) -> Recorder:
    settings = config.stash[OPTIONS]
    facts = collect_metadata(
        settings.device,
        started_at,
        command=settings.command,
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        dataset_source=dataset.source,
        trainer=settings.trainer,
        backend=settings.backend,
        quick=settings.quick,
        fallback_reason=_first_line(dataset.fallback_reason),
        gpu=describe_gpu(settings.device.index) if settings.device.index is not None else None,
    )
    return Recorder(
        writer=RunWriter(path, config.stash[PROGRESS]),
        facts=facts,
        identity={name: facts[name] for name in ("dataset", "dataset_sha256", "device")},
        progress=config.stash[PROGRESS],
    )


def _first_line(reason: str | None) -> str | None:
    """The reason without its list of sources, which names folders of this machine: run files are published."""
    return reason and reason.splitlines()[0].rstrip(":")


def _opening_lines(settings: SuiteOptions, dataset: Dataset, path: Path) -> list[str]:
    lines = []
    if dataset.fallback_reason:
        lines.append(f"STAND-IN DATA: {dataset.name}. {dataset.fallback_reason}")
    if settings.quick:
        lines.append("QUICK RUN: training is cut down; the figures say nothing about the models.")
    threads = format_counted(settings.device.threads, "thread")
    what = f"{dataset.name} from {dataset.source}, " if settings.recipes else ""
    seeds = f", {format_counted(settings.seeds, 'seed')}" if settings.recipes else ""
    own = f"{', '.join(settings.own)} with made-up inputs, " if settings.own else ""
    where = f"{settings.device.name} ({threads}){seeds}"
    lines.append(f"densebench: {what}{own}{where}; each finished case is saved to {short(path)}")
    return lines


def _load(settings: SuiteOptions) -> Dataset:
    """What the run's models are trained on and asked about. Raises DensebenchError."""
    if settings.data:
        return settings.data
    return load_dataset(settings.dataset, settings.data_dir) if settings.recipes else MADE_UP


def _latency_rows(items: Sequence[pytest.Item]) -> dict[str, Wanted]:
    """The latency rows among what is to be run, by name."""
    rows = {}
    for item in items:
        if _stage(item) == "infer":
            parameters: dict[str, Any] = item.callspec.params  # type: ignore[attr-defined]  # see `_case`
            rows[_case(item)] = Wanted(parameters["recipe_name"], parameters["batch_size"], parameters["threads"])
    return rows


def _stage(item: pytest.Item) -> str:
    return item.path.stem.removeprefix("test_")


def _case(item: pytest.Item) -> str:
    parameters: dict[str, Any] = item.callspec.params  # type: ignore[attr-defined]  # every benchmark here has some
    model = parameters["recipe_name"]
    values = {name: parameters[key] for name, key in CASE_PARAMETERS.items() if key in parameters}
    if _stage(item) == "train":
        keras = RECIPES[model].framework == "keras"
        values["trainer"] = item.config.stash[OPTIONS].trainer if keras else SCIKIT_LEARN
    return case_name(_stage(item), model, **values)


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn a DensebenchError into pytest's usage error: one message, no traceback."""
    try:
        yield
    except DensebenchError as error:
        raise pytest.UsageError(str(error)) from None
