"""What pruning costs in accuracy, and what it saves."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.compression.document import Block, Picture, Table, drawing, picture
from benchmarks.compression.forms import make, make_factory
from benchmarks.compression.measured import Measured, measure
from benchmarks.compression.recipes import Opened, open_recipe, write_recipe
from model_export import Progress
from model_export.measure.process import Servable
from model_export.recipe.measure import MeasureSection
from model_export.recipe.prune import DistillSection, PruneSection
from model_export.recipe.variants import VariantName
from model_export.steps.prepare import load

_MODEL, _SMALL_MODEL = "fashion_cnn", "breast_cancer"
_VARIANTS: tuple[VariantName, ...] = ("float32", "static_int8")
_EPOCHS = 2
_COLOURS = {"not at all": "#8a8a8a", "fine-tuned": "#c05a1c", "distilled": "#005a9c"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to prune.

    Attributes:
        sparsity: fraction of zeros; 0 prunes nothing.
        trained: how, afterwards.
        section: of the recipe; None prunes nothing.
    """

    sparsity: float
    trained: str
    section: PruneSection | None


def run(progress: Progress, *, quick: bool) -> list[Block]:
    """Prunes one model in many ways, and measures all of them together."""
    ways = _ways((0.5,) if quick else (0.5, 0.75, 0.9))
    section = MeasureSection(rounds=3, starts=1) if quick else MeasureSection()
    with tempfile.TemporaryDirectory(prefix="pruning-") as folder:
        recipe = write_recipe(Path(folder), _SMALL_MODEL if quick else _MODEL, {})
        opened = open_recipe(recipe, progress)
        servables = [form for way in ways for form in _forms(way, opened, recipe.parent, progress)]
    measured = measure(servables, opened.prepared, section, progress)
    found = [(way, variant) for way in ways for variant in _VARIANTS]
    rows = [(way, v, one) for (way, v), one in zip(found, measured, strict=True)]
    return [_table(rows), _draw(rows)]


def _ways(sparsities: Sequence[float]) -> list[Way]:
    ways = [Way(0.0, "not at all", None)]
    for sparsity in sparsities:
        once = PruneSection(method="magnitude", sparsity=sparsity, epochs=0)
        ways.append(Way(sparsity, "not at all", once))
        ways.append(Way(sparsity, "fine-tuned", _gradual(sparsity)))
    distilled = _gradual(sparsities[-1], DistillSection())
    return [*ways, Way(sparsities[-1], "distilled", distilled)]


def _gradual(sparsity: float, distill: DistillSection | None = None) -> PruneSection:
    return PruneSection(
        method="magnitude",
        sparsity=sparsity,
        schedule="polynomial",
        epochs=_EPOCHS,
        # All of them: how far accuracy comes back is the question.
        stop_early=False,
        distill=distill,
    )


def _forms(way: Way, opened: Opened, folder: Path, progress: Progress) -> list[Servable]:
    prepared = opened.prepared
    source: Any = load(opened.recipe, folder, progress)
    with progress.step(f"{way.sparsity:.0%}") as step:
        pruned = None
        if way.section is not None:
            # Not at the top: it imports TensorFlow, which takes seconds.
            from model_export.tf.pruning.prune import prune

            pruned = prune(
                source.model,
                way.section,
                prepared.splits.train,
                prepared.splits.validation,
                prepared.criteria[0].metric,
                progress.log,
            )
        factory = make_factory(source, prepared, pruned.layers if pruned else ())
        step.result = way.trained
    return list(make(factory, _VARIANTS))


def _table(rows: Sequence[tuple[Way, VariantName, Measured]]) -> Table:
    return Table(
        ("zeros", "trained", "variant", "accuracy", "drop", "bytes", "gzip -6", "p50 ms"),
        tuple(
            (
                f"{way.sparsity:.0%}",
                way.trained,
                f"`{variant}`",
                f"{one.quality.candidate:.4f}",
                f"{one.quality.drop:+.4f}",
                f"{one.bytes:,}",
                f"{one.gzip_bytes:,}",
                f"{one.timing.latency_ms.p50:.4f}",
            )
            for way, variant, one in rows
        ),
        left=3,
    )


def _draw(rows: Sequence[tuple[Way, VariantName, Measured]]) -> Picture:
    description = "Accuracy by compressed size, for each fraction of zeros and each variant"
    with drawing(7.0, 3.4) as figure:
        axes = figure.subplots()
        for variant, marker in zip(_VARIANTS, ("o", "s"), strict=True):
            for trained, colour in _COLOURS.items():
                found = [(w, one) for w, v, one in rows if v == variant and w.trained == trained]
                # Without training, accuracy falls out of the picture: the table has it.
                shown = [(w, one) for w, one in found if w.section is None or w.section.epochs]
                places = [(one.gzip_bytes / 1024, one.quality.candidate) for _, one in shown]
                label = f"{variant}, {trained if any(w.section for w, _ in shown) else 'no zeros'}"
                axes.plot(*zip(*places, strict=True), marker, color=colour, label=label)
                for (way, _), place in zip(shown, places, strict=True):
                    axes.annotate(
                        f"{way.sparsity:.0%}", place, xytext=(5, 4), textcoords="offset points"
                    )
        axes.set(xlabel="KiB after gzip -6", ylabel="accuracy", xscale="log")
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.xaxis.set_minor_formatter("{x:.0f}")
        axes.legend(frameon=False, fontsize=7)
        return picture(figure, "pruning", description)
