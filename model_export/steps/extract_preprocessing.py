"""Cuts off the layers that the function computes in place of the model."""

from __future__ import annotations

from collections.abc import Mapping

from model_export.progress import Progress
from model_export.recipe.recipe import Recipe
from model_export.signature.images import Front
from model_export.signature.source_model import SourceModel
from tflite_serving.contract.preprocessing import Preprocessing


def cut_off_pictures(
    source: SourceModel, recipe: Recipe, progress: Progress
) -> tuple[SourceModel, Mapping[str, Front]]:
    """Cuts off what makes the input's pixels those that the model was trained on.

    Returns:
        the rest of the model; and by input name, what was done to its pictures.
    """
    # Not at the top: importing TensorFlow takes seconds, and a wrong recipe should not.
    from model_export.tf.preprocessing.images import split_pictures
    from model_export.tf.source import KerasSource

    if not isinstance(source, KerasSource):
        return source, {}
    tensors = [name for name, section in recipe.inputs.items() if section.kind == "tensor"]
    parts = split_pictures(source, recipe.model.source, tensors)
    # Each once: several inputs may share them.
    cut = dict.fromkeys(layer for front in parts.fronts.values() for layer in front.layers)
    if cut:
        with progress.step("split") as step:
            step.result = f"{', '.join(cut)}: left to the function"
    return parts.core, parts.fronts


def cut_off_preprocessing(
    source: SourceModel, recipe: Recipe, progress: Progress
) -> tuple[SourceModel, Preprocessing | None, Mapping[str, bytes]]:
    """Cuts off the layers that look words up, make tokens, or encode features.

    Returns:
        the rest of the model; the layers, or None if there are none; and files that these need,
        by name.
    """
    from model_export.tf.preprocessing.extract import SplitModel, split
    from model_export.tf.source import KerasSource
    from model_export.tf.task_source import TaskSource

    parts: SplitModel | None = None
    if isinstance(source, KerasSource):
        parts = split(source, recipe.model.source)
    elif isinstance(source, TaskSource):
        from model_export.tf.preprocessing.hub_tasks import split_task  # which imports KerasHub

        parts = split_task(source, recipe.model.source)
    if parts is None:
        return source, None, {}
    with progress.step("split") as step:
        # Each once: a model of them may be used several times.
        layers = ", ".join(dict.fromkeys(cut.layer for cut in parts.preprocessing.steps))
        step.result = f"{layers}: left to the function"
    return parts.core, parts.preprocessing, parts.assets
