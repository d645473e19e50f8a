"""``[prune]``: which weights are set to zero, and how the model is fine-tuned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model_export.recipe.checks import check


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillSection:
    """``prune.distill``: fine-tuning learns from the unpruned model, too.

    Hinton et al., "Distilling the Knowledge in a Neural Network" (2015),
    https://arxiv.org/abs/1503.02531.

    Attributes:
        temperature: by which both models' logits are divided before they are compared.
        weight: of the comparison in the loss, 0 to 1; the rest is the loss on the right answers.
    """

    temperature: float = 4.0
    weight: float = 0.5

    def __post_init__(self) -> None:
        check("temperature", self.temperature, "more than 0", self.temperature > 0)
        check("weight", self.weight, "more than 0, up to 1", 0 < self.weight <= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSection:
    """``[prune]``: which weights become zero.

    Attributes:
        method: "magnitude" sets the smallest weights to zero.
        sparsity: fraction of zeros among the weights of the pruned layers.
        scope: "layer" gives every layer that sparsity; "global" takes the smallest weights of all
            of them together.
        block: weights that are pruned together, outputs by inputs: [1, 4] is what the runtime's
            sparse kernels take; see docs/5-compression.md.
        schedule: "constant" prunes at once, "polynomial" step by step while it trains.
        epochs: of fine-tuning on the training split.
        batch_size: of fine-tuning.
        learning_rate: of fine-tuning; None keeps the optimizer's own.
        optimizer: Keras's name of one; None keeps the model's own where Keras knows it, or else
            Adam.
        stop_early: whether to stop as soon as the metric on the validation split is back where it
            was before pruning.
        distill: learn from the unpruned model; None learns from the right answers alone.
        include, exclude: globs of layer names, or of paths such as "attention/query". The last
            layer, embeddings and frozen layers are pruned only if a glob other than "*" names
            them.
    """

    method: Literal["none", "magnitude"] = "none"
    sparsity: float = 0.5
    scope: Literal["layer", "global"] = "layer"
    block: tuple[int, ...] = (1, 1)
    schedule: Literal["constant", "polynomial"] = "constant"
    epochs: int = 2
    batch_size: int = 32
    learning_rate: float | None = None
    optimizer: str | None = None
    stop_early: bool = True
    distill: DistillSection | None = None
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check("sparsity", self.sparsity, "between 0 and 1", 0 < self.sparsity < 1)
        block = list(self.block)
        check("block", block, "[1, inputs]", len(block) == 2 and block[0] == 1 and block[1] >= 1)
        check("block", block, 'scope = "layer" beside it', self.scope == "layer" or block == [1, 1])
        check("epochs", self.epochs, "0 or more", self.epochs >= 0)
        check("batch_size", self.batch_size, "1 or more", self.batch_size >= 1)
        rate = self.learning_rate
        check("learning_rate", rate, "more than 0", rate is None or rate > 0)
