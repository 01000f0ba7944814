"""Scripts without densebench that show a change: what a case times, in at most 30 lines, to run in both environments.

They are for whoever maintains what has changed: plain Keras and TensorFlow, one thread, made-up images, one number.
"""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.files import public_word
from bench.host.process import on_cpus, own_cpus, run_to_end
from bench.records.schema.profiles import Script
from bench.records.trials import BASE, HEAD
from bench.trials.processes import passed_variables
from bench.trials.words import parse_word
from models import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from bench.records.cases import Case
    from bench.trials.environments import Environment
    from bench.trials.trial import Trial

MOST_LINES = 30
RUNS = 3
"""Of a script in each environment."""
RUN_TIMEOUT_S = 300.0
TOP = '''\
"""{case}: milliseconds of an undisturbed {unit}, on one thread:
{commands}"""
import {modules}
import numpy as np
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
random = np.random.default_rng(0)
images, labels = random.random((1920, 784), np.float32), random.integers(10, size=1920).astype(np.int32)
'''
FIT = """\
{build}
times = []
class Clock(tf.keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        times.append(time.perf_counter())
batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch({batch_size}).prefetch(1)
model = build(tf.keras)
model.compile("{optimizer}", "{loss}")
for _ in range(20):
    model.fit(batches, verbose=0, callbacks=[Clock()])
print(tf.__version__, round(1e3 * np.quantile(np.diff(times)[len(times) // 4 :], 0.075), 4))
"""
ANSWER = """\
{build}
model = build(tf.keras)
{given}
times = timeit.repeat(lambda: {call}, number=1, repeat={calls})
print(tf.__version__, round(1e3 * np.quantile(times[len(times) // 4 :], 0.075), 4))
"""
CALL = ("batch = images[:{batch_size}]", "np.asarray(model(batch, training=False))", 4000)
BATCHES = """\
options = tf.data.Options()
options.autotune.enabled = False
batches = tf.data.Dataset.from_tensors(images[:{batch_size}]).with_options(options)"""
PREDICT = (
    BATCHES,
    "model.predict(batches, verbose=0)",
    1000,
)
COMPILED = """\
images, labels, order = map(tf.constant, (images, labels, random.permutation(1920).astype(np.int32)))
shapes = {shapes}
weights = [tf.constant(random.normal(0, 0.05, shape), tf.float32) for shape in shapes]
def step(i, w, moments):
    rows = tf.slice(order, [i * {batch_size}], [{batch_size}])
    with tf.GradientTape() as tape:
        tape.watch(w)
        x = tf.gather(images, rows)
{forward}
        loss = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(tf.gather(labels, rows), x))
    rates = [tf.reshape([0.1, 0.001], [2] + [1] * len(one.shape)) for one in w]
    moments = [m + (tf.stack([g, g * g]) - m) * r for m, g, r in zip(moments, tape.gradient(loss, w), rates)]
    return i + 1, [a - 0.001 * m[0] / (tf.sqrt(m[1]) + 1e-7) for a, m in zip(w, moments)], moments
five = lambda *state: functools.reduce(lambda known, _: step(*known), range(5), state)
ten = lambda w, moments: tf.while_loop(lambda i, *_: i < 10, five, (0, w, moments))[1][0]
ten, moments = tf.function(ten, jit_compile=True, autograph=False), [tf.zeros([2, *shape]) for shape in shapes]
times = timeit.repeat(lambda: ten(weights, moments).numpy(), number=1, repeat=1000)
print(tf.__version__, round(1e2 * np.quantile(times[250:], 0.075), 4))
"""
DENSE = "        x = {activation}(tf.matmul(x, w[{weight}], transpose_b=True) + w[{bias}])"
DROP = "        x = tf.where(tf.random.stateless_uniform(tf.shape(x), (0, i)) >= {rate}, x / {kept}, 0.0)"
ACTIVATIONS = {"relu": "tf.nn.relu", "softmax": "tf.nn.softmax", "sigmoid": "tf.nn.sigmoid", "tanh": "tf.nn.tanh"}


def make_script(case: Case, words: Sequence[str], python: str, file: str) -> str:
    """A script that times a case of the ladder; empty where there is none for it.

    Args:
        case: what is timed.
        words: of the environments that it is to be run in.
        python: the version of Python of both: ``3.11``.
        file: the script's name.
    """
    recipe = RECIPES.get(case.recipe)
    if recipe is None or recipe.framework != "keras" or any(parse_word(word).kind != "requirements" for word in words):
        return ""
    body = _body(case, recipe.build, recipe.training.optimizer, recipe.training.loss)
    commands = "\n".join(run_line(word, python, file) for word in words)
    unit = "step" if case.stage == "train" else "call"
    modules = ", ".join(name for name in ("functools", "time", "timeit") if f"{name}." in body)
    head = TOP.format(case=case.name, unit=unit, commands=commands, modules=modules)
    return head + body if body and (head + body).count("\n") <= MOST_LINES else ""


def run_scripts(trial: Trial, cases: Sequence[Case]) -> list[Script]:
    """Run the scripts of these cases in both environments of a trial, in turn, each run a process of its own.

    Raises:
        DensebenchError: one of them failed.
    """
    sides = {role: trial.environments[role] for role in (BASE, HEAD)}
    words = [public_word(one.word) for one in sides.values()]
    python = ".".join(trial.surveyed[HEAD].python.split(".")[:2])
    found = []
    for case in cases:
        name = file_name(case.name)
        if text := make_script(case, words, python, name):
            (trial.folder / name).write_text(text, encoding="utf-8")
            told: dict[str, list[float]] = {role: [] for role in sides}
            for number in range(RUNS):
                for role in sorted(sides, reverse=bool(number % 2)):
                    told[role].append(_run(sides[role], trial.folder / name))
            found.append(Script(case=case.name, text=text, told_ms={role: tuple(some) for role, some in told.items()}))
    return found


def _run(environment: Environment, script: Path) -> float:
    """The milliseconds that a script prints last."""
    with on_cpus(own_cpus()[:1]):
        printed = run_to_end(
            [str(environment.python), str(script)],
            script.name,
            timeout_s=RUN_TIMEOUT_S,
            environment=passed_variables(environment),
        )
    try:
        return float(printed.split()[-1])
    except (IndexError, ValueError):
        raise DensebenchError(f"{script.name} printed {printed[-100:]!r}, which ends in no number.") from None


def file_name(case: str) -> str:
    """The name of a case's script."""
    return f"{re.sub(r'[^a-z0-9_]+', '-', case).strip('-')}.py"


def run_line(word: str, python: str, file: str) -> str:
    """The command that runs a script in an environment."""
    parsed = parse_word(word)
    variables = [f"{name}={shlex.quote(value)}" for name, value in parsed.variables.items()]
    packages = [f"--with {shlex.quote(str(one))}" for one in parsed.requirements]
    return " ".join([*variables, f"uv run --no-project --python {python}", *packages, file])


def _body(case: Case, build: Callable[[Any], Any], optimizer: str, loss: str) -> str:
    if case.trainer == "compiled":
        return _compiled(case, build) if (optimizer, loss) == ("adam", "sparse_categorical_crossentropy") else ""
    source = {"build": bare_source(build), "batch_size": case.batch_size}
    if case.stage == "train":
        return FIT.format(optimizer=optimizer, loss=loss, **source)
    if case.stage not in {"call", "predict"}:
        return ""
    given, call, calls = CALL if case.stage == "call" else PREDICT
    return ANSWER.format(given=given.format(batch_size=case.batch_size), call=call, calls=calls, **source)


def _compiled(case: Case, build: Callable[[Any], Any]) -> str:
    """The loop that XLA compiles, for dense layers with dropout between them."""
    shapes: list[tuple[int, ...]] = []
    lines, inputs = [], 784
    for call in _layers(build):
        name, value = call.func.attr, _constant(call.args[0]) if call.args else None
        if name == "Dense" and isinstance(value, int):
            named = {one.arg: _constant(one.value) for one in call.keywords}
            activation = ACTIVATIONS.get(str(named.get("activation", "")))
            if activation is None or named.keys() - {"activation"}:
                return ""
            lines.append(DENSE.format(activation=activation, weight=len(shapes), bias=len(shapes) + 1))
            shapes += [(value, inputs), (value,)]
            inputs = value
        elif name == "Dropout" and isinstance(value, float):
            lines.append(DROP.format(rate=value, kept=round(1 - value, 6)))
        elif name != "Input":
            return ""
    return COMPILED.format(shapes=shapes, batch_size=case.batch_size, forward="\n".join(lines)) if lines else ""


def _layers(build: Callable[[Any], Any]) -> list[Any]:
    """The calls that make the layers, in order."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(build)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    ordered = sorted(calls, key=lambda one: (one.lineno, one.col_offset))
    return [one for one in ordered if isinstance(one.func, ast.Attribute) and one.func.attr != "Sequential"]


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def bare_source(function: Callable[..., Any]) -> str:
    """A function's source without its docstring, its annotations and its line breaks."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (definition,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    definition.returns = None
    for argument in definition.args.args:
        argument.annotation = None
    if ast.get_docstring(definition) is not None:
        definition.body = definition.body[1:]
    return ast.unparse(definition)
