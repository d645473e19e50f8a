"""The export's exceptions as one tree, with their exit codes.

ExportError
├── UsageError           2  the command line, the recipe, or the data it names
├── LoadError            3  the model cannot be loaded
├── ConversionError      3  the model cannot be converted or quantized
├── GateError            4  no candidate keeps the budget; nothing was published
├── ParityError          4  what is served does not answer like its reference
├── Interrupted        130  the user stopped it
└── RegistryError        5  the registry refused, did not answer, or changed meanwhile
    └── ConflictError    5  somebody else was faster
"""

from __future__ import annotations

from typing import ClassVar

from tflite_serving.contract.evidence import Candidate, FailedCandidate


class ExportError(Exception):
    """A failure that the user can do something about; the message says what."""

    exit_code: ClassVar[int] = 1


class UsageError(ExportError):
    """The command line, the recipe, or the data that it names is wrong."""

    exit_code = 2


class LoadError(ExportError):
    """The model cannot be loaded."""

    exit_code = 3


class ConversionError(ExportError):
    """The model cannot be converted or quantized."""

    exit_code = 3


class GateError(ExportError):
    """No candidate keeps the budget; nothing was published.

    Args:
        candidates: all that were measured; what each one missed, and by how much, is its
            `why_not`.
        metric: of their quality.
        failed: the forms that could not be measured.
    """

    exit_code = 4

    def __init__(
        self,
        candidates: tuple[Candidate, ...],
        metric: str = "quality",
        failed: tuple[FailedCandidate, ...] = (),
    ) -> None:
        super().__init__(
            "no candidate keeps the budget; nothing was published. Prune less, add variants to "
            "quantize.variants, or widen the budget in [gate]; with --resume, the candidates are "
            "judged again without being measured again"
        )
        self.candidates = candidates
        self.metric = metric
        self.failed = failed


class ParityError(ExportError):
    """What is served does not answer like what it was compared with."""

    exit_code = 4


class Interrupted(ExportError):
    """The user stopped it; what is finished is kept."""

    exit_code = 130


class RegistryError(ExportError):
    """The registry refused, did not answer, or holds something else than expected."""

    exit_code = 5


class ConflictError(RegistryError):
    """The registry changed while we worked; nothing of ours is half-written."""
