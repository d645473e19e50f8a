"""Applies the extracted preprocessing to examples, with the function's code."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from model_export.dataset.image_feeding import one_size, tensors
from model_export.dataset.splits import Split, Splits
from model_export.errors import UsageError
from model_export.signature.signature import ModelSignature
from model_export.signature.source_model import SourceModel
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.errors import RefusedValue, UnknownValue
from tflite_serving.preprocess.pipeline import Pipeline


def preprocess(
    asked: Splits,
    core: SourceModel,
    preprocessing: Preprocessing | None,
    assets: Mapping[str, bytes],
    signature: ModelSignature,
) -> tuple[Splits, Sequence[int]]:
    """The examples as the model takes them, made with the function's own code.

    Args:
        asked: as clients send them.
        core: what is converted: the model without the layers that were cut off.
        preprocessing: these layers; None if there are none.
        assets: files that these need, by name.
        signature: of the whole model.

    Returns:
        the examples, and how many tokens those of the training split have.

    Raises:
        UsageError: preprocessing cannot take a value.
    """
    shapes = {info.name: info.shape for info in core.inputs}
    counts: dict[str, Sequence[int]] = {}
    with tempfile.TemporaryDirectory(prefix="assets-") as folder:
        files = {name: Path(folder) / name for name in assets}
        for name, data in assets.items():
            files[name].write_bytes(data)
        pipeline = Pipeline(preprocessing or Preprocessing(steps=()), shapes, files)

    def change(split: Split, which: str) -> Split:
        pictures = {
            name: one_size(
                tensors(split.inputs[name], spec, f"{asked.source}: {which}: {name}"),
                f"{asked.source}: {which}: {name}",
            )
            for name, spec in signature.pictures.items()
        }
        inputs = {**split.inputs, **pictures}
        try:
            batch = pipeline.run(inputs)
        except RefusedValue as error:
            problem = error.problem
            if isinstance(error, UnknownValue):
                problem = (
                    f"{error.value!r} is not in the layer's vocabulary, which allows no others "
                    "(num_oov_indices = 0)"
                )
            raise UsageError(
                f"{asked.source}: {which}: {error.input}[{error.index}]: {problem}"
            ) from None
        counts[which] = batch.counts
        return split.given(batch.arrays)

    return asked.each(change), counts["train"]
