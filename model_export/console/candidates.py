"""Prints the candidates of an export, and its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from tflite_serving.contract import layout
from tflite_serving.contract.evidence import Candidate, FailedCandidate, FloatOperator
from tflite_serving.contract.manifest import Manifest
from tflite_serving.settings import DEFAULT_ALIAS

if TYPE_CHECKING:
    from model_export.pipeline import Export

_WIDE = 150
_LESS_IMPORTANT = ("drop, 95 %", "gzip", "zeros", "p99 ms", "batch ms", "cold ms", "RSS MiB")
_WHY = {
    "speed": "it is faster there",
    "range": "its values are of all sizes, of which 8 bits hold the largest alone",
}


def print_candidates(manifest: Manifest, console: Console) -> None:
    """Prints every candidate, and what the mixtures among them left in float."""
    compression, metric = manifest.compression, manifest.quality.metric
    console.print(
        candidates_table(compression.candidates, metric, console.width, compression.failed)
    )
    for candidate in compression.candidates:
        for (name, why), kept in groupby(candidate.kept_in_float, _where_and_why):
            # Of a layer that became many operators, one line.
            kinds = ", ".join(dict.fromkeys(operator.kind for operator in kept))
            console.print(f"  {candidate.name}: {name} ({kinds}) stays in float; {why}")


def _where_and_why(kept: FloatOperator) -> tuple[str, str]:
    why = _WHY.get(kept.why) or f"quantized alone, it moves the output by {kept.error:.3g}"
    return kept.layer or kept.name, why


def candidates_table(
    candidates: Sequence[Candidate],
    metric: str,
    width: int,
    failed: Sequence[FailedCandidate] = (),
) -> Table:
    """Every candidate with its size, quality and latency.

    Args:
        candidates: of one export.
        metric: of quality.
        width: of the console; a narrow one gets the columns that matter most.
        failed: the forms that could not be measured.
    """
    wide = width >= _WIDE
    cells = [_candidate_cells(candidate, metric) for candidate in candidates]
    table = Table(box=box.SIMPLE)
    for name in cells[0]:
        if name == "why not":
            table.add_column(name, overflow="fold")
        elif wide or name not in _LESS_IMPORTANT:
            table.add_column(name, no_wrap=True, justify="left" if name == "candidate" else "right")
    for candidate, row in zip(candidates, cells, strict=True):
        shown = [cell for name, cell in row.items() if wide or name not in _LESS_IMPORTANT]
        table.add_row(*shown, style="bold" if candidate.chosen else None)
    blanks = [""] * (len(table.columns) - 2)
    for each in failed:
        table.add_row(each.name, *blanks, each.why_not)
    return table


def outcome(done: Export) -> str:
    """What an export came to, in a sentence or two."""
    manifest = done.manifest
    quality, each = manifest.quality, manifest.compression.chosen.outputs
    drop = f"{quality.metric} {quality.reference:.4f} → {quality.published:.4f}"
    if each:
        drop = ", ".join(
            f"{one.output} {one.metric} {one.reference:.4f} → {one.quality:.4f}" for one in each
        )
    if done.registry is None:
        return f"dry run: {manifest.compression.quantization} would be published; {drop}"
    place = f"{done.registry}/{layout.version_folder(manifest.name, manifest.version)}"
    alias = f", alias {done.alias}" if done.alias else ""
    told = f"published {manifest.compression.quantization}{alias}; {drop}\n{place}"
    if done.alias:
        return told
    # A function that is told the model's name alone looks for its production alias.
    name, version = manifest.name, manifest.version
    return (
        f"{told}\nno alias names it: serve it as MODELS={name}@{version}, or release it with "
        f"promote {name} {version} {DEFAULT_ALIAS} --registry {done.registry}"
    )


def _candidate_cells(candidate: Candidate, metric: str) -> dict[str, str]:
    quality = {f"{each.output} {each.metric}": f"{each.quality:.4f}" for each in candidate.outputs}
    intervals = [each.drop_interval_95 for each in candidate.outputs]
    return {
        "candidate": candidate.name,
        **(quality or {metric: f"{candidate.quality:.4f}"}),
        "drop, 95 %": "; ".join(
            "{:+.4f} to {:+.4f}".format(*each) for each in intervals or [candidate.drop_interval_95]
        ),
        "bytes": f"{candidate.bytes:,}",
        "gzip": f"{candidate.gzip_bytes:,}",
        "zeros": f"{candidate.sparsity:.0%}",
        "p50 ms": f"{candidate.latency_ms.p50:.4f}",
        "p99 ms": f"{candidate.latency_ms.p99:.4f}",
        "batch ms": f"{candidate.batch_latency_ms.p50:.4f}",
        "cold ms": f"{candidate.cold_load_ms:.0f}",
        "RSS MiB": f"{candidate.peak_rss_mib:.0f}",
        "why not": candidate.why_not or "chosen",
    }
