"""Markdown page with the tutorials' comparisons and per-recipe details, from a stored run. Imports no framework."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from bench.formats import NOT_MEASURED, format_accuracy, format_count
from bench.records.published_figures import Sample, sample
from bench.records.reproductions import read_results
from bench.records.seed_runs import Result, class_scores
from bench.report.markdown import escape, markdown_table
from bench.report.pages.reproduction_cells import spread
from models.published import COMPARISONS, PUBLISHED, Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.record import Run
    from bench.records.schema.reproductions import FirstModel, Layer, Saving, SeedRun

ACCURACY = Figure("accuracy", "test", "0")
COMPARED = (("training", "loss"), ("training", "accuracy"), ("validation", "loss"), ("validation", "accuracy"))
COMPARED_AFTER = (("test", "accuracy"),)


def details_page(run: Run) -> str:
    """The page: comparisons, curves, cross-validation, saving and loading, classes, and a section per recipe."""
    results = {name: result for name, result in read_results(run).items() if result.seed_runs and not result.faults}
    parts = ["# The tutorials, in detail", f"From run file `{escape(run.file)}`; means ± sd over the seeds."]
    parts += [text for title, names in COMPARISONS.items() for text in compare(title, names, results)]
    parts += ["## Where the curves of training and validation part", PARTING, parting_table(results)]
    parts += ["## Cross-validation", cross_validation_table(results)]
    parts += ["## Saved, loaded, and asked again", saving_table(results)]
    parts += ["## Images per class", label_table(results)]
    parts += [text for name, result in results.items() for text in describe(name, result)]
    return "\n\n".join(parts) + "\n"


PARTING = (
    "The epoch of least validation loss is where a model begins to learn its training images by heart; the gap is how "
    "much the validation loss then lies above the training loss, after the last epoch. Medians over the seeds."
)


def compare(title: str, names: Sequence[str], results: Mapping[str, Result]) -> list[str]:
    """The lines of a section that compares recipes; empty where fewer than two of them were trained."""
    chosen = [name for name in names if name in results]
    if len(chosen) < 2:  # noqa: PLR2004  one alone is no comparison
        return []
    headers = ["Recipe", "Model", "Epochs"]
    headers += [f"{part} {metric}" for part, metric in (*COMPARED, *COMPARED_AFTER)]
    rows = [
        [
            name,
            PUBLISHED[name].recipe.summary,
            _span([one.epochs_run for one in results[name].seed_runs]),
            *[_score(results[name], part, metric) for part, metric in (*COMPARED, *COMPARED_AFTER)],
        ]
        for name in chosen
    ]
    return [f"## {title}", markdown_table(headers, rows, text_columns=(0, 1))]


def parting_table(results: Mapping[str, Result]) -> str:
    """A table of the epoch of least validation loss, with a row per recipe that validates after each epoch."""
    where = ["Epoch of least validation loss", "Validation loss there", "at the end", "Gap at the end"]
    headers = ["Recipe", "Epochs", *where]
    rows = []
    for name, result in results.items():
        curves = [one.history for one in result.seed_runs if "val_loss" in one.history]
        if not curves:
            continue
        turns = [curve["val_loss"].index(min(curve["val_loss"])) + 1 for curve in curves]
        rows.append(
            [
                name,
                _span([one.epochs_run for one in result.seed_runs]),
                _span(turns),
                format_accuracy(statistics.median(min(curve["val_loss"]) for curve in curves)),
                format_accuracy(statistics.median(curve["val_loss"][-1] for curve in curves)),
                format_accuracy(statistics.median(curve["val_loss"][-1] - curve["loss"][-1] for curve in curves)),
            ]
        )
    return markdown_table(headers, rows, text_columns=(0,))


def cross_validation_table(results: Mapping[str, Result]) -> str:
    """A table of cross-validation accuracies, with a row per seed of each recipe that is cross-validated."""
    seed_runs = [(name, one) for name, result in results.items() for one in result.seed_runs if one.folds]
    folds = max((len(one.folds) for _, one in seed_runs), default=0)
    headers = ["Recipe", "Seed", *[f"fold {fold + 1}" for fold in range(folds)], "mean"]
    rows = [
        [name, str(one.seed), *map(format_accuracy, one.folds), format_accuracy(statistics.fmean(one.folds))]
        for name, one in seed_runs
    ]
    return markdown_table(headers, rows, text_columns=(0,))


def saving_table(results: Mapping[str, Result]) -> str:
    """A table with a row per file format: recipes with bit-identical and with other outputs after loading, refusals."""
    found: dict[str, list[Saving]] = {}
    for result in results.values():
        for one in result.first_model.saving:
            found.setdefault(one.format, []).append(one)
    rows = []
    for name, outcomes in found.items():
        reasons = dict.fromkeys(one.reason for one in outcomes if one.reason)
        counts = [str(sum(one.outcome == outcome for one in outcomes)) for outcome in ("identical", "different")]
        rows.append([name, *counts, "; ".join(reasons) or NOT_MEASURED])
    headers = ["Format", "Recipes that answer the same, bit for bit", "that differ", "Refused by this Keras"]
    return markdown_table(headers, rows, text_columns=(0, 3))


def label_table(results: Mapping[str, Result]) -> str:
    """Images per class of each data set."""
    first_models = {PUBLISHED[name].dataset: result.first_model for name, result in results.items() if result.seed_runs}
    rows = [
        [
            dataset,
            str(label),
            name,
            *[format_count(first_model.label_counts[part][label]) for part in ("training", "test")],
        ]
        for dataset, first_model in first_models.items()
        for label, name in enumerate(first_model.class_names)
    ]
    return markdown_table(["Data set", "Class", "Name", "Training", "Test"], rows, text_columns=(0, 2))


def describe(name: str, result: Result) -> list[str]:
    """The lines of a recipe's section: layers, figures by epoch, classification report, confusions, predictions."""
    published, first_model, first = PUBLISHED[name], result.first_model, result.seed_runs[0]
    parts = [f"## {name}", f"{published.recipe.summary}. Tutorial {published.source}."]
    if layers := first_model.layers:
        parts += ["Layers", layer_table(layers)]
    if epochs := epoch_table(name, result):
        parts += ["Training, epoch by epoch: published | ours", epochs]
    names = first_model.class_names
    parts += [f"Test images by class, from seed {first.seed}", report_table(first, names)]
    parts += [
        f"Confusion matrix, from seed {first.seed}: label by row, answer by column",
        confusion_table(first, names),
    ]
    parts += [f"The tutorials' images, from seed {first.seed}", answers_table(first, first_model)]
    return parts


def layer_table(layers: Sequence[Layer]) -> str:
    """A table of the layers, like that of `model.summary()`."""
    rows = [
        [layer.name, layer.kind, " x ".join(map(str, layer.output_shape)), format_count(layer.parameters)]
        for layer in layers
    ]
    return markdown_table(["Layer", "Kind", "Output", "Parameters"], rows, text_columns=(0, 1))


def epoch_table(name: str, result: Result) -> str:
    """A table of the published figures of single epochs and ours; empty where there are none."""
    figures = [figure for figure in PUBLISHED[name].figures if figure.epoch]
    rows = [
        [figure.metric, str(figure.epoch), figure.text, spread(figure, sample(figure, result.seed_runs))]
        for figure in figures
    ]
    return markdown_table(["Figure", "Epoch", "Published", "Ours"], rows, text_columns=(0,)) if rows else ""


def report_table(seed_run: SeedRun, names: Sequence[str]) -> str:
    """A table of the precision, recall and F1 of each class, and their means."""
    scores = class_scores(seed_run.confusion)
    rows = [
        [name, *map(format_accuracy, (one.precision, one.recall, one.f1)), format_count(one.images)]
        for name, one in zip(names, scores, strict=True)
    ]
    means = [statistics.fmean(getattr(one, measure) for one in scores) for measure in ("precision", "recall", "f1")]
    rows.append(["macro mean", *map(format_accuracy, means), format_count(sum(one.images for one in scores))])
    return markdown_table(["Class", "Precision", "Recall", "F1", "Images"], rows, text_columns=(0,))


def confusion_table(seed_run: SeedRun, names: Sequence[str]) -> str:
    """The confusion matrix: labels by row, predicted classes by column; outputs without a label show their number."""
    columns = len(seed_run.confusion[0])
    headers = ["Label", *names, *[str(column) for column in range(len(names), columns)]]
    rows = [[name, *map(format_count, row)] for name, row in zip(names, seed_run.confusion, strict=True)]
    return markdown_table(headers, rows, text_columns=(0,))


def answers_table(seed_run: SeedRun, first_model: FirstModel) -> str:
    """A table of the images that the tutorials show: label, predicted class and its probability."""
    names, labels = first_model.class_names, first_model.shown_labels
    rows = []
    for image, row in seed_run.probabilities.items():
        answer = max(range(len(row)), key=row.__getitem__)
        verdict = "right" if answer == labels[image] else "wrong"
        rows.append([image, names[labels[image]], names[answer], f"{100 * row[answer]:.2f} %", verdict])
    return markdown_table(["Image", "Label", "Answer", "Probability", ""], rows, text_columns=(0, 1, 2, 4))


def _score(result: Result, part: Any, metric: Any) -> str:
    """The mean and standard deviation of a score after training, as text; on training images, of the last epoch."""
    if part == "training":
        values = [one.history[metric][-1] for one in result.seed_runs if one.history.get(metric)]
    else:
        values = [one.scores[f"{part} {metric}"] for one in result.seed_runs if f"{part} {metric}" in one.scores]
    return spread(ACCURACY, Sample(tuple(values)) if values else None)


def _span(counts: Sequence[int]) -> str:
    """The median of counts, with the range if they differ, as text: ``7 (5-9)``."""
    low, high = min(counts), max(counts)
    middle = f"{statistics.median(counts):g}"
    return middle if low == high else f"{middle} ({low}–{high})"
