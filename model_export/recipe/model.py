"""``[model]`` and ``[data]``: the model to export, and its examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tflite_serving.contract.versions import check_name

ModelTask = Literal["classification", "multi_label", "regression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSection:
    """``[model]``: what is exported.

    Attributes:
        name: of the model, in the registry and in URLs.
        source: a ``.keras`` or ``.h5`` file or a SavedModel folder, relative to the recipe.
        task: what the model is for; None infers it from the model and its examples. For a model
            with several outputs, they say it themselves, and the labels, too.
        labels: of the classes, in the order of the scores; or a text file with one a line. None
            names them by their index.
        custom_objects: ``module:name`` of a dict that Keras needs to load the model.
        unsafe_load: whether to load models that carry Python code, or operators that may touch
            files. Only for your own models.
    """

    name: str
    source: str
    task: ModelTask | None = None
    labels: tuple[str, ...] | str | None = None
    custom_objects: str | None = None
    unsafe_load: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSection:
    """``[data]``: the examples.

    Attributes:
        source: ``package.module:function`` or a ``.npz`` file, relative to the recipe; see
            `model_export.dataset.source`.
    """

    source: str
