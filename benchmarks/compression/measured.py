"""What forms of one model are worth, all measured in one run."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass

from model_export import Progress
from model_export.measure.process import Process, Servable
from model_export.measure.timing import Timing, time_all
from model_export.quality.comparison import Comparison
from model_export.recipe.measure import MeasureSection
from model_export.steps.prepare import PreparedExport


@dataclass(frozen=True, slots=True)
class Measured:
    """One form of a model.

    Attributes:
        bytes, gzip_bytes: size of the flatbuffer, plain and as gzip -6 makes it.
        quality: against the Keras model's, on the test split.
        timing: of one instance and of a batch.
    """

    bytes: int
    gzip_bytes: int
    quality: Comparison
    timing: Timing


def measure(
    servables: Sequence[Servable],
    prepared: PreparedExport,
    section: MeasureSection,
    progress: Progress,
) -> list[Measured]:
    """Asks all forms about the test split, and times them against each other.

    Args:
        servables: the forms.
        prepared: the examples, and the Keras model's answers.
        section: how to time.
        progress: told of both steps.

    Returns:
        in the order of `servables`.
    """
    inputs = prepared.splits.test.inputs
    with progress.step("answer") as step:
        compared = []
        for index, servable in enumerate(servables):
            with Process(section.threads) as process:
                process.load(servable, inputs)
                scores = prepared.signature.scores(process.answer(inputs))
            ((name, paired),) = prepared.reference.test.items()
            compared.append(paired.against(scores[name]))
            step.advance((index + 1) / len(servables))
        step.result = f"{len(servables)} forms"
    with progress.step("measure") as step:
        timings = time_all(servables, inputs, section, step.advance)
    return [
        Measured(len(s.flatbuffer), gzip_size(s.flatbuffer), quality, timing)
        for s, quality, timing in zip(servables, compared, timings, strict=True)
    ]


def gzip_size(flatbuffer: bytes) -> int:
    """Bytes after ``gzip -6``."""
    return len(gzip.compress(flatbuffer, 6, mtime=0))
