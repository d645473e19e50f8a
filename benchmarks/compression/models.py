"""The models that the benchmark compresses, each trained once and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.compression import data
from benchmarks.compression.rescale import rescale
from examples.digits import train as digits
from examples.digits.train import Split

FOLDER = Path("build/compression/models")


@dataclass(frozen=True, slots=True)
class Subject:
    """A model of the benchmark.

    Attributes:
        name: of the model, and of the function in `benchmarks.compression.networks` that builds
            it.
        data: gives its examples.
        epochs: passes over the training split; 0 leaves the weights random.
        batch_size: of training.
        outliers: the last so many layers get outliers between them; 0 for none.
        every: one in so many channels is an outlier.
    """

    name: str
    data: Callable[[], dict[str, Split]]
    epochs: int
    batch_size: int = 128
    outliers: int = 0
    every: int = 1

    @property
    def source(self) -> str:
        """The examples, as a recipe's ``data.source`` names them."""
        return f"{self.data.__module__}:{self.data.__name__}"


SUBJECTS = (
    Subject("digits", data.digits, digits.EPOCHS),
    Subject("fashion_cnn", data.fashion_mnist, 6),
    Subject("fashion_mobile", data.fashion_mnist, 5),
    Subject("breast_cancer", data.breast_cancer, 30, batch_size=16),
    Subject("outliers", data.fashion_mnist, 4, outliers=2, every=8),
    Subject("hopeless", data.fashion_mnist, 10, outliers=11, every=2),
    Subject("large", data.noise, 0),
)


def train_once(subject: Subject, folder: Path = FOLDER, verbose: int = 1) -> Path:
    """The trained model's ``.keras`` file, which a former call may have left.

    Args:
        subject: which model.
        folder: where the files are; one appears whole or not at all.
        verbose: Keras's own: 1 shows a progress bar, 2 a line per epoch, 0 nothing.

    Raises:
        DataMissing: its examples are not on this machine.
    """
    path = folder / f"{subject.name}.keras"
    if path.exists():
        return path
    if subject.name == "digits":
        digits.train(path, subject.epochs, verbose)
        return path
    model = _train(subject, verbose)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    model.save(partial)
    partial.replace(path)
    return path


def _train(subject: Subject, verbose: int) -> Any:
    # Importing Keras takes seconds, and a model that is there already should not.
    import keras

    from benchmarks.compression import networks

    keras.utils.set_random_seed(0)
    model = getattr(networks, subject.name)()
    if subject.epochs:
        _fit(model, subject, verbose)
    if subject.outliers:
        rescale(model.layers[-subject.outliers :], subject.every)
    return model


def _fit(model: Any, subject: Subject, verbose: int) -> None:
    import keras

    splits = subject.data()
    steps = -(-len(splits["train"][1]) // subject.batch_size) * subject.epochs
    # Falling to zero, the rate makes few epochs do for an accuracy that is nearly the best.
    _compile(model, keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)))
    model.fit(
        *splits["train"],
        epochs=subject.epochs,
        batch_size=subject.batch_size,
        validation_data=splits["validation"],
        verbose=verbose,
    )
    # Whoever trains further, as pruning does, needs a rate that is not zero.
    _compile(model, keras.optimizers.Adam())
    model.optimizer.build(model.trainable_variables)


def _compile(model: Any, optimizer: Any) -> None:
    binary = model.output_shape[-1] == 1
    model.compile(
        optimizer=optimizer,
        loss="binary_crossentropy" if binary else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # On a CPU, XLA's convolutions take twice as long as TensorFlow's own.
        jit_compile=False,
    )
