"""The driver on machines that are none: each task is done once, whatever is lost; one failure stops nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.cluster.driver import Driver, read
from bench.cluster.engines import check_address, open_engine
from bench.cluster.engines.engine import Ended
from bench.cluster.plan import Common, Plan, Store, blocks, copies, trials
from bench.cluster.tasks import Answer, Done, Task
from bench.errors import DensebenchError
from tests.cluster.fake_engine import FakeEngine, facts

COMMON = Common(words=("releases", "--quick"), commit="abc1234", limit_s=60.0, simulated=False)


def plan_of(tasks: list[Task]) -> Plan:
    return Plan(command="releases", words=("releases", "--quick"), seed=7, commit="abc1234", tasks=tuple(tasks))


def driver(engine: FakeEngine, **options: object) -> tuple[Driver, list[str]]:
    said: list[str] = []
    return Driver(engine, said.append, **options), said  # type: ignore[arg-type]


def machines(*names: str) -> dict[str, object]:
    return {name: facts(name) for name in names}


def test_a_plan_has_the_rounds_in_blocks_of_one_seed() -> None:
    tasks = blocks(COMMON, rounds=10, seed=7)
    assert [task.words[-3:] for task in tasks] == [("7", "--part", f"{part}") for part in ("0:4", "4:4", "8:2")]
    assert len({task.key for task in tasks}) == 3
    assert tasks == blocks(COMMON, rounds=10, seed=7), "the same words make the same tasks"
    assert {task.key for task in tasks}.isdisjoint(task.key for task in blocks(COMMON, rounds=10, seed=8))


def test_a_duel_on_several_machines_is_the_same_task_on_each() -> None:
    tasks = copies(COMMON, count=3, seed=7)
    assert {task.words for task in tasks} == {("releases", "--quick", "--seed", "7")}
    assert all(task.apart for task in tasks)
    assert len({task.key for task in tasks}) == 3
    assert not copies(COMMON, count=1, seed=None)[0].apart
    assert [task.words[-1] for task in trials(COMMON, count=2, seed=7, series="s")] == ["s:0", "s:1"]


@given(
    seed=st.integers(0, 10_000),
    loses=st.sampled_from([0.0, 0.2, 0.5]),
    dies=st.sampled_from([0.0, 1.0]),
    count=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_lost_each_task_is_done_once_or_told(
    seed: int, loses: float, dies: float, count: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine = FakeEngine({f"n{one}": facts(f"n{one}") for one in range(count)}, seed, loses, dies)
    plan, store = plan_of(blocks(COMMON, rounds=22, seed=seed)), Store(tmp_path_factory.mktemp("plan"))
    store.begin(plan)
    lost = driver(engine, retries=2)[0].run(plan, store)
    done = [task for task, _ in store.all_done(plan)]
    assert {*done} | {*lost} == {*plan.tasks}
    assert not {*done} & {*lost}
    started = [key for _, key in engine.log]
    assert all(started.count(task.key) <= 3 for task in plan.tasks)
    assert not loses or all(lost.values())
    if not loses:
        assert sorted(started) == sorted(task.key for task in plan.tasks)


def test_a_driver_that_was_killed_goes_on_with_what_is_left(tmp_path: Path) -> None:
    plan, store = plan_of(blocks(COMMON, rounds=12, seed=1)), Store(tmp_path)
    store.begin(plan)
    first = plan.tasks[1]
    store.keep(first, Done(answer=Answer(facts=facts("n0"), key=first.key), attempt=1))
    (tmp_path / f"{plan.tasks[2].key}.json").write_text("{", encoding="utf-8")  # a disk that was full
    engine = FakeEngine({"n0": facts("n0")})
    assert driver(engine)[0].run(store.plan(), store) == {}
    assert [key for _, key in engine.log] == [plan.tasks[0].key, plan.tasks[2].key]


def test_a_machine_that_has_the_answer_already_is_asked_for_it(tmp_path: Path) -> None:
    plan, store = plan_of(blocks(COMMON, rounds=8, seed=1)), Store(tmp_path)
    keys = [task.key for task in plan.tasks]
    there = {"n0": facts("n0"), "n1": facts("n1", kept=(keys[0],)), "n2": facts("n2", running=keys[1])}
    engine = FakeEngine(there)
    assert driver(engine)[0].run(plan, store) == {}
    assert sorted(engine.log) == [("n1", keys[0]), ("n2", keys[1])]


def test_a_lost_task_goes_to_another_machine_and_a_bad_machine_is_set_aside(tmp_path: Path) -> None:
    class Bad(FakeEngine):
        def wait(self, timeout_s: float) -> Ended | None:
            ended = super().wait(timeout_s)
            if ended and ended.node == "bad" and ended.answer and read(ended, None).key:
                return Ended("bad", None, "its disk is full")
            return ended

    plan, store = plan_of(blocks(COMMON, rounds=40, seed=1)), Store(tmp_path)
    engine = Bad({"bad": facts("bad"), "good": facts("good")}, seed=3)
    one, said = driver(engine)
    assert one.run(plan, store) == {}
    assert sum(node == "bad" for node, _ in engine.log) == 2
    assert any("bad gets no further tasks" in line and "its disk is full" in line for line in said)
    assert {done.attempt for _, done in store.all_done(plan)} == {1, 2}


def test_tasks_that_must_be_apart_are_on_machines_of_their_own(tmp_path: Path) -> None:
    plan, store = plan_of(copies(COMMON, count=3, seed=1)), Store(tmp_path)
    lost = driver(FakeEngine({"a": facts("a"), "b": facts("b")}))[0].run(plan, store)
    assert len(lost) == 1
    assert {done.answer.facts.node for _, done in store.all_done(plan)} == {"id-a", "id-b"}


def test_a_machine_of_another_kind_or_with_a_fault_gets_nothing(tmp_path: Path) -> None:
    plan, store = plan_of(blocks(COMMON, rounds=8, seed=1)), Store(tmp_path)
    there = {"a": facts("a"), "b": facts("b", kind="other"), "c": facts("c", faults=("nice 15",))}
    engine = FakeEngine(there)
    one, said = driver(engine, kind="test")
    assert one.run(plan, store) == {}
    assert {node for node, _ in engine.log} == {"a"}
    assert any(line.startswith("b is left out: it is other") for line in said)
    assert any(line.startswith("c is left out: nice 15") for line in said)


def test_two_workers_on_one_machine_are_no_cluster(tmp_path: Path) -> None:
    there = {"a": facts("a"), "b": facts("b", node="id-a")}
    plan = plan_of(blocks(COMMON, rounds=4, seed=1))
    with pytest.raises(DensebenchError, match="a and b are one machine"):
        driver(FakeEngine(there))[0].run(plan, Store(tmp_path))
    assert driver(FakeEngine(there), simulated=True)[0].run(plan, Store(tmp_path)) == {}


def test_what_is_no_run_file_is_tried_again(tmp_path: Path) -> None:
    plan, store = plan_of(blocks(COMMON, rounds=4, seed=1)), Store(tmp_path)
    faults = iter(["it sent what is no run file", ""])
    one, said = driver(FakeEngine({"a": facts("a")}), fault=lambda _task, _answer: next(faults))
    assert one.run(plan, store) == {}
    assert [done.attempt for _, done in store.all_done(plan)] == [2]
    assert said[0] == "task 0 failed on a: it sent what is no run file"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "it was lost"),
        (b"{", "its answer cannot be read"),
        (b'{"facts": 3}', "its answer cannot be read"),
        (msgspec.json.encode(Answer(facts=facts("a"), key="other")), "another task's"),
    ],
)
def test_an_answer_that_is_none_is_a_failure(answer: bytes | None, why: str) -> None:
    assert why in read(Ended("a", answer), blocks(COMMON, rounds=4, seed=1)[0]).failed


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://10.0.0.5:8786", "tls://example.org:8786"])
def test_private_addresses_and_tls_are_used(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address", ["tcp://8.8.8.8:8786", "tcp://example.org:8786", "http://127.0.0.1:1", "tcp://0.0.0.0:1", "nonsense"]
)
def test_others_are_refused(address: str) -> None:
    with pytest.raises(DensebenchError, match="is no address to be used"):
        check_address(address)
    with pytest.raises(DensebenchError, match="is no place"):
        open_engine("moon")
