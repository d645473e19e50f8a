"""What a version must answer: the Keras model's own predictions of its golden examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from delivery.deployed import SmokeError
from delivery.publish import Published
from model_export import (
    Answers,
    answers_of,
    differences,
    golden_examples,
    open_registry,
    read_version,
)
from tflite_serving.contract.golden import GoldenExamples
from tflite_serving.contract.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Expected:
    """What the functions must answer.

    Attributes:
        manifest: Manifest of the released version.
        golden: Golden examples of the version.
    """

    manifest: Manifest
    golden: GoldenExamples

    @classmethod
    def of(cls, registry: str, published: Published) -> Expected:
        """What a published version must answer.

        Args:
            registry: URI of the registry that has it.
            published: The version.

        Raises:
            RegistryError: there is no such version, or the registry refused.
        """
        store = open_registry(registry)
        manifest = read_version(store, published.model, published.version)
        return cls(manifest, golden_examples(store, manifest))

    def check(self, served: Answers) -> None:
        """Raises `SmokeError` if an answer is further from the reference's than was measured."""
        reference = answers_of(self.manifest, self.golden.outputs)
        for output, gaps in differences(reference, served).items():
            slack = np.broadcast_to(self.golden.tolerance[output], gaps.shape)
            beyond = np.argwhere(~(gaps <= slack))  # a NaN is beyond, too
            if len(beyond):
                row, value = beyond[0]
                raise SmokeError(
                    f"{self.golden.ids[row]}: expected the reference's {output} within "
                    f"{slack[row, value]:.4g}, got one {gaps[row, value]:.4g} away"
                )
