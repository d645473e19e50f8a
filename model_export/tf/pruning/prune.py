"""Magnitude pruning for Keras 3: the smallest weights become zero, and stay so in training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras

from model_export.dataset.splits import Split
from model_export.errors import UsageError
from model_export.recipe.prune import PruneSection
from model_export.tf.graph import layer_classes
from model_export.tf.pruning.callback import MagnitudePruning
from model_export.tf.pruning.fine_tune import Checkpoint, fine_tune
from model_export.tf.pruning.layers import Prunable, find, select
from model_export.tf.pruning.masks import Masks
from model_export.tf.pruning.validation import Goal, Metric
from model_export.tf.running import running
from tflite_serving.contract.evidence import PrunedLayer, Pruning

__all__ = ["Checkpoint", "Goal", "MagnitudePruning", "Metric", "prune"]


def prune(
    model: keras.Model,
    recipe: PruneSection,
    train: Split,
    validation: Split,
    metric: Metric | Sequence[Goal],
    log: Callable[[str], None] = lambda line: None,
    checkpoint: Checkpoint | None = None,
) -> Pruning:
    """Prunes `model` in place, and fine-tunes it with the zeros held.

    The same model, recipe and examples give the same weights, to the last bit, whether the
    training was interrupted meanwhile or not. What the model was compiled with stays as it is.

    Args:
        model: compiled or not.
        recipe: which layers, how many zeros, and how to train.
        train, validation: examples, by the model's input names.
        metric: of the validation split; it decides when to stop and which epoch is kept. Of several
            outputs, a goal for each.
        log: told a line about each epoch.
        checkpoint: what to go on from, and where each epoch is saved. It must be of the same model,
            recipe and examples.

    Returns:
        what was done.

    Raises:
        UsageError: the recipe selects no layer, names an optimizer that there is not, or wants to
            distill what is no classifier with one output.
        ConversionError: the model cannot be trained, such as by a loss that cannot be computed.
    """
    if recipe.distill is not None:
        _check_distilled(train)
    goals = metric if isinstance(metric, Sequence) else (Goal(metric),)
    try:
        layers = select(model, recipe.include, recipe.exclude)
    except UsageError as error:
        raise UsageError(f"recipe.prune.{error}") from None
    if recipe.epochs and not model.trainable_variables:
        raise UsageError(
            "recipe.prune.epochs: every layer of the model is frozen, so that fine-tuning can "
            "change nothing; set layer.trainable = True before it is saved, or prune.epochs = 0"
        )
    left = _left_frozen(model, recipe, layers)
    if left:
        log(f"left alone, because they are frozen: {', '.join(left)}; prune.include can name them")
    masks = Masks(
        layers,
        recipe.sparsity,
        schedule=recipe.schedule,
        scope=recipe.scope,
        block=recipe.block[1],
        steps=-(-len(train) // recipe.batch_size) * recipe.epochs,
    )
    epochs = 0
    if recipe.epochs:
        with running("fine-tuning", layer_classes(model), model, trains=True):
            epochs = fine_tune(model, recipe, masks, train, validation, goals, log, checkpoint)
    masks.finish()
    return Pruning(
        method=recipe.method,
        sparsity=recipe.sparsity,
        scope=recipe.scope,
        block=recipe.block,
        schedule=recipe.schedule,
        epochs=epochs,
        distilled=recipe.distill is not None and epochs > 0,
        layers=tuple(PrunedLayer(layer.path, layer.sparsity) for layer in layers),
    )


def _left_frozen(model: keras.Model, recipe: PruneSection, chosen: Sequence[Prunable]) -> list[str]:
    """Paths of the layers that would have been chosen if they were not frozen."""
    paths = {layer.path for layer in chosen}
    return [
        each.path
        for each in find(model)
        if each.frozen
        and each.path not in paths
        and each.named_by(recipe.include)
        and not each.named_by(recipe.exclude)
    ]


def _check_distilled(train: Split) -> None:
    why = {
        "f": "a regression has no classes whose scores could be softened",
        "b": "labels that do not exclude one another have no scores to soften together",
    }.get(train.targets.dtype.kind)
    if train.others:
        why = "several outputs cannot be learnt from the unpruned model together"
    if why is not None:
        raise UsageError(f"recipe.prune.distill: {why}; remove it")
