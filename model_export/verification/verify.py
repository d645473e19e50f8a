"""Verifies that the function's predictions for an artifact agree with its reference's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_export.dataset.splits import Split
from model_export.errors import ConversionError, ParityError, UsageError
from model_export.progress import Progress
from model_export.recipe.model import DataSection, ModelSection
from model_export.registry.open import open_writable
from model_export.registry.operations import open_registry, publish
from model_export.verification.client import Post, ask, in_process, over_http
from model_export.verification.comparison import Parity, compare
from model_export.verification.examples import (
    Questions,
    golden_examples,
    golden_questions,
    model_questions,
)
from model_export.verification.local_server import local_function
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays

_MOST_VERIFIED, _MOST_NUMBERS = 200, 2_000_000
_MOST_DIFFERENCE = 1e-3  # another size of batch rounds otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What answers are compared with.

    Attributes:
        model: a Keras model, as in a recipe.
        data: the examples that it is asked about, as in a recipe.
        folder: that their paths and modules are looked up in.
    """

    model: ModelSection
    data: DataSection
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is asked: the function's code in this process, if nothing else is said.

    Attributes:
        url: of a function that runs somewhere.
        token: identity token to show to it.
        starts: whether to start one on a port of this machine.
    """

    url: str | None = None
    token: str | None = None
    starts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far answers may be from the reference's; None sets no limit.

    Attributes:
        min_agreement: the least fraction of questions with the same labels.
        max_difference: the largest difference of a score or a value.
    """

    min_agreement: float | None = None
    max_difference: float | None = None

    def check_model(self, manifest: Manifest) -> None:
        """Raises `UsageError` if a limit is about what the model does not have."""
        if self.min_agreement is not None and not any(o.has_classes for o in manifest.outputs):
            raise UsageError(
                f"--min-agreement: {manifest.name} answers numbers and no labels; say "
                "--max-difference"
            )

    def check(self, found: Parity) -> None:
        """Raises `ParityError` if what was found is beyond."""
        agreement, least, most = found.label_agreement, self.min_agreement, self.max_difference
        if least is not None and agreement is not None and agreement < least:
            raise ParityError(f"expected {least:.6g} of the labels to agree, got {agreement:.6g}")
        if most is not None and found.largest > most:
            raise ParityError(
                f"expected differences of {most:.6g} at most, got one of {found.largest:.6g}"
            )


def verify(
    registry: str,
    manifest: Manifest,
    served: Target,
    progress: Progress,
    *,
    reference: Reference | None = None,
    limit: int | None = None,
) -> Parity:
    """Asks about examples, from what a client sends to the label.

    Args:
        registry: URI of it.
        manifest: of the version that must answer.
        served: who is asked.
        progress: told of both steps.
        reference: what to compare with; None is the artifact's golden examples.
        limit: how many to ask about at most.

    Raises:
        ExportError: the examples cannot be had, or the function does not answer them.
    """
    with progress.step("reference") as step:
        questions = _questions(registry, manifest, reference, limit)
        step.result = f"{len(questions)} examples"
    with (
        tempfile.TemporaryDirectory(prefix="verify-") as folder,
        progress.step("served") as step,
        _asked(registry, manifest, served, Path(folder)) as (post, place),
    ):
        answers = ask(manifest, questions.inputs, post, step.advance)
        step.result = place
    return compare(manifest, questions, answers)


def verify_artifact(
    manifest: Manifest,
    artifact: Path,
    test: Split,
    measured: Arrays,
    reference: Arrays,
    progress: Progress,
) -> None:
    """Asks the function about an artifact: it must answer what was measured.

    So what the gate judged is what will be served.

    Args:
        manifest: of the artifact.
        artifact: its folder.
        test: examples, as clients send them; a few of them are asked.
        measured: by output name, [examples, …], what the published form answered to them.
        reference: the same of the Keras model, to say how far it is from what is served.
        progress: told of the step.

    Raises:
        ConversionError: it answers otherwise.
    """
    numbers = sum(array[:1].size for array in test.inputs.values())
    count = max(1, min(len(test), _MOST_VERIFIED, _MOST_NUMBERS // numbers))
    ids = tuple(f"test[{row}]" for row in range(len(test)))
    questions = Questions("what was measured", ids, test.as_sent, measured).first(count)
    with progress.step("verify") as step, tempfile.TemporaryDirectory(prefix="verify-") as folder:
        registry = str(Path(folder) / "registry")
        publish(open_writable(registry), manifest, artifact)
        post = in_process(registry, manifest, Path(folder) / "cache")
        answers = ask(manifest, questions.inputs, post, step.advance)
        parity = compare(manifest, questions, answers)
        for each in parity.outputs:
            size = float(np.abs(questions.outputs[each.output]).max())
            if each.largest <= _MOST_DIFFERENCE * max(1.0, size):
                continue
            worst = parity.worst[0]
            raise ConversionError(
                f"{worst.id}: the function answers {worst.served}, and {worst.reference} was "
                f"measured: a difference of {each.largest:.3g} in {each.output!r}. This is a bug: "
                "please report it"
            )
        keras = Questions("the Keras model", ids, test.as_sent, reference).first(count)
        step.result = (
            f"{count} examples, asked as clients ask: the function answers what was measured, and "
            f"differs by {compare(manifest, keras, answers).largest:.2g} at most from the Keras "
            "model"
        )


def _questions(
    registry: str, manifest: Manifest, reference: Reference | None, limit: int | None
) -> Questions:
    if reference is not None:
        return model_questions(reference.model, reference.data, reference.folder, manifest, limit)
    store = open_registry(registry)
    questions = golden_questions(golden_examples(store, manifest))
    return questions if limit is None else questions.first(limit)


@contextmanager
def _asked(
    registry: str, manifest: Manifest, served: Target, folder: Path
) -> Iterator[tuple[Post, str]]:
    """What asks, and where, in words."""
    if served.starts:
        model = f"{manifest.name}@{manifest.version}"
        with local_function(registry, model, folder / "function.log") as url:
            yield over_http(url), f"at {url}"
    elif served.url is not None:
        yield over_http(served.url, served.token), f"at {served.url}"
    else:
        yield in_process(registry, manifest, folder / "cache"), "in this process"
