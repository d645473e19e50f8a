"""What mixed precision rescues, and what the gate refuses: by the command line, as people call it.

Both models have outliers, see `benchmarks.compression.rescale`, which int8 cannot hold.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.compression.document import Block, Table
from benchmarks.compression.recipes import export_command, write_recipe
from model_export import Progress
from tflite_serving.contract.manifest import read_manifest

_MAX_DROP = 0.01
_STATIC = ["static_int8", "full_int8"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    Attributes:
        exit_code: of it.
        manifests: what it published.
        files: that are in the registry afterwards.
        words: its stderr.
    """

    exit_code: int
    manifests: tuple[bytes, ...]
    files: int
    words: str


def run(progress: Progress, *, quick: bool) -> list[Block]:
    """Exports both models with int8 variants alone; rounds are fewer if it must be quick."""
    measure = {"rounds": 3, "starts": 1} if quick else {}
    with progress.step("outliers") as step:
        rescued = _export("outliers", ["static_int8"], {"max_drop": _MAX_DROP}, measure)
        step.result = f"exit code {rescued.exit_code}"
    with progress.step("hopeless") as step:
        refused = _export("hopeless", _STATIC, {"max_drop": _MAX_DROP}, measure)
        step.result = f"exit code {refused.exit_code}"
    return [*_describe_rescued(rescued), *_describe_refused(refused)]


def why_nots(words: str) -> Table:
    """The table of candidates that a refused export prints, without most of its costs."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in words.splitlines()]
    start = next(index for index, row in enumerate(rows) if row[0] == "candidate")
    # A rule comes next, and an empty line ends the table.
    end = rows.index([""], start + 2)
    shown = [rows[start].index(name) for name in ("candidate", "accuracy", "bytes", "why not")]
    return Table(*_columns(rows[start], rows[start + 2 : end], shown))


def _columns(
    head: list[str], rows: list[list[str]], shown: list[int]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    return tuple(head[i] for i in shown), tuple(tuple(row[i] for i in shown) for row in rows)


def _export(
    name: str, variants: list[str], gate: Mapping[str, Any], measure: Mapping[str, int]
) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="rescue-") as folder:
        sections = {
            "quantize": {"variants": variants},
            "measure": measure,
            "gate": {**gate, "prefer": "size"},
        }
        recipe = write_recipe(Path(folder), name, sections)
        registry = Path(folder) / "registry"
        process = subprocess.run(
            export_command(recipe, registry), capture_output=True, text=True, check=False
        )
        files = [path for path in registry.rglob("*") if path.is_file()]
        manifests = tuple(path.read_bytes() for path in files if path.name == "manifest.json")
    return Outcome(process.returncode, manifests, len(files), process.stderr)


def _describe_rescued(outcome: Outcome) -> list[Block]:
    if not outcome.manifests:
        return [f"**`outliers` was not rescued: exit code {outcome.exit_code}.**", outcome.words]
    manifest = read_manifest(outcome.manifests[0])
    candidates = manifest.compression.candidates
    rows = tuple(
        (
            f"`{candidate.name}`",
            f"{candidate.quality:.4f}",
            f"{candidate.drop:+.4f}",
            f"{candidate.bytes:,}",
            f"{candidate.latency_ms.p50:.4f}",
            ", ".join(kept.layer or kept.name for kept in candidate.kept_in_float),
            candidate.why_not or "chosen",
        )
        for candidate in candidates
    )
    columns = ("candidate", "accuracy", "drop", "bytes", "p50 ms", "in float", "why not")
    sentence = (
        f"`outliers`: accuracy {manifest.quality.reference:.4f} in Keras, "
        f"{manifest.compression.float32_bytes:,} bytes in float32; `static_int8` alone was "
        f"allowed. Exit code {outcome.exit_code}."
    )
    return [sentence, Table(columns, rows)]


def _describe_refused(outcome: Outcome) -> list[Block]:
    sentence = (
        f"`hopeless`, `static_int8` and `full_int8` alone: exit code {outcome.exit_code}, "
        f"{outcome.files} files in the registry."
    )
    if outcome.exit_code != 4 or outcome.files:
        return [f"**{sentence} Expected exit code 4 and none.**", outcome.words]
    return [sentence, why_nots(outcome.words)]
