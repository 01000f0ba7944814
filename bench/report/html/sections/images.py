"""Chapter on images: predictions, samples, class counts and the models' layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.data.sample_images import ANSWERED, GRIDS
from bench.formats import format_count, format_percent
from bench.records.reproductions import read_results
from bench.report.html.view import Cell, Cells, Line, Panel, Section, Table, Trace, facets_of_recipe, plot_text, shorten
from models.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.records.record import Run
    from bench.records.schema.reproductions import Gallery
    from bench.records.seed_runs import Result
    from bench.report.html.stored import Stored

DIGITS = 4


def make_section(stored: Stored) -> Section:
    """The chapter with predictions, samples, class counts and layers, like the tutorials' figures."""
    run = stored.reproduction
    results = {name: one for name, one in read_results(run).items() if one.seed_runs} if run else {}
    if run is None or not results:
        return Section(key="images", title="Images and answers", text="No reproduction is stored.", panels=[])
    gallery = sound_gallery(run.metadata.gallery)
    panels = [_answers(run, results, gallery), *_samples(run, gallery), _counts(run, results), _layers(run, results)]
    return Section(
        key="images",
        short="Images",
        title="Images and answers",
        text="The tutorials' pictures, from the stored run.",
        panels=panels,
    )


def sound_gallery(gallery: Mapping[str, Gallery]) -> dict[str, Gallery]:
    """The gallery without images of classes that have no name."""
    return {
        dataset: msgspec.structs.replace(
            one,
            class_names=tuple(map(shorten, one.class_names)),
            images={name: image for name, image in one.images.items() if image.label < len(one.class_names)},
        )
        for dataset, one in gallery.items()
    }


def _answers(run: Run, results: Mapping[str, Result], gallery: Mapping[str, Gallery]) -> Panel:
    lines, shown = [], []
    right_of: dict[str, int] = {}
    for name, result in results.items():
        dataset = PUBLISHED[name].dataset
        images = gallery[dataset].images if dataset in gallery else {}
        names = [shorten(one) for one in result.first_model.class_names]
        probabilities, labels = result.seed_runs[0].probabilities, result.first_model.shown_labels
        cards = []
        for image in (one for one in ANSWERED if one in probabilities):
            row, label = probabilities[image], labels[image]
            answer = max(range(len(row)), key=row.__getitem__)
            right_of[name] = right_of.get(name, 0) + (answer == label)
            pixels = images[image].pixels if image in images else None
            cards.append({"image": image, "label": label, "row": [round(one, DIGITS) for one in row], "pixels": pixels})
            verdict = "right" if answer == label else "wrong"
            cells: Cells = [
                name,
                image,
                names[label],
                names[answer],
                Cell(format_percent(row[answer]), row[answer]),
                verdict,
            ]
            lines.append(Line(cells=cells, facets=facets_of_recipe(run, name), file=run.file, pick=name))
        shown.append({"pick": name, "facets": facets_of_recipe(run, name), "classes": names, "cards": cards})
    least = min(right_of, key=right_of.__getitem__, default="")
    return Panel(
        key="answers",
        title="Predictions",
        sentence="Fifteen test images and the two that the tutorials look at alone, each beside its ten probabilities: "
        "the label's bar is blue, a wrong answer's red and marked ✗. "
        f"Fewest of them are right from {least}: {right_of[least]} of {len(ANSWERED)}."
        if least
        else "Nothing to show.",
        kind="answers",
        table=Table(("Recipe", "Image", "Label", "Answer", "Probability", ""), lines, text_columns=(0, 1, 2, 3, 5)),
        pick="Recipe",
        data=shown,
        note="" if gallery else "The stored run has no pixels; a newer `python -m bench reproduce` stores them.",
    )


def _samples(run: Run, gallery: Mapping[str, Gallery]) -> list[Panel]:
    if not gallery:
        return []
    shown, lines = [], []
    for dataset, content in gallery.items():
        names, images = content.class_names, content.images
        grids = [
            {
                "title": title,
                "cards": [
                    {"image": name, "name": names[images[name].label], "pixels": images[name].pixels}
                    for name in grid
                    if name in images
                ],
            }
            for title, grid in GRIDS.items()
        ]
        shown.append({"pick": shorten(dataset), "facets": {"dataset": shorten(dataset)}, "grids": grids})
        lines += [
            Line(cells=[shorten(dataset), name, names[one.label]], pick=shorten(dataset), file=run.file)
            for name, one in images.items()
        ]
    return [
        Panel(
            key="samples",
            title="Samples",
            sentence="Images of the data sets as they are, 28 by 28 pixels, with the names of their classes.",
            kind="samples",
            table=Table(("Data set", "Image", "Class"), lines, text_columns=(0, 1, 2)),
            pick="Data set",
            data=shown,
        )
    ]


def _counts(run: Run, results: Mapping[str, Result]) -> Panel:
    first_models = {PUBLISHED[name].dataset: result.first_model for name, result in results.items()}
    traces, lines = [], []
    for dataset, first_model in first_models.items():
        names = [shorten(one) for one in first_model.class_names]
        counts = [first_model.label_counts[part] for part in ("training", "test")]
        for place, part in enumerate(("training", "test")):
            plot = {
                "type": "bar",
                "name": f"{part} images",
                "x": [plot_text(name) for name in names],
                "y": list(counts[place]),
                "marker": {"color": f"@{place}", "pattern": {"shape": ("", "/")[place]}},
                "hovertemplate": "%{x}: %{y:,}",
            }
            traces.append(Trace(plot=plot, facets={"dataset": dataset}, pick=dataset, files=run.file))
        for label, name in enumerate(names):
            numbers = [Cell(format_count(one[label]), one[label]) for one in counts]
            cells: Cells = [dataset, Cell(str(label), label), name, *numbers]
            lines.append(Line(cells=cells, facets={"dataset": dataset}, pick=dataset, file=run.file))
    return Panel(
        key="counts",
        title="Images per class",
        sentence="Fashion-MNIST has as many images of each class; MNIST nearly so.",
        traces=traces,
        layout={
            "yaxis": {"title": {"text": "Images"}},
            "xaxis": {"type": "category", "tickangle": -40},
            "showlegend": True,
        },
        table=Table(("Data set", "Class", "Name", "Training", "Test"), lines, text_columns=(0, 2)),
        pick="Data set",
    )


def _layers(run: Run, results: Mapping[str, Result]) -> Panel:
    shown, lines = [], []
    for name, result in results.items():
        layers = result.first_model.layers
        if not layers:
            continue
        boxes = []
        for layer in layers:
            shape = " × ".join(map(str, layer.output_shape))
            boxes.append({"name": shorten(layer.name), "kind": shorten(layer.kind), "shape": shape})
            cells: Cells = [name, shorten(layer.name), shorten(layer.kind), shape]
            numbers = Cell(format_count(layer.parameters), layer.parameters)
            lines.append(Line(cells=[*cells, numbers], facets=facets_of_recipe(run, name), pick=name, file=run.file))
        shown.append({"pick": name, "facets": facets_of_recipe(run, name), "boxes": boxes})
    return Panel(
        key="layers",
        title="Layers",
        sentence="What each network is made of, from the 784 pixels down to the ten probabilities.",
        kind="layers",
        table=Table(("Recipe", "Layer", "Kind", "Output", "Parameters"), lines, text_columns=(0, 1, 2)),
        pick="Recipe",
        data=shown,
    )
