"""How artifacts and aliases look to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from model_export.errors import UsageError
from model_export.registry.opening import open_writable
from model_export.registry.verbs import (
    ListedVersion,
    read_named_alias,
    read_version,
    registry_errors,
)
from tflite_serving.contract import layout
from tflite_serving.contract.alias import AliasDocument
from tflite_serving.contract.evidence import Candidate
from tflite_serving.contract.manifest import Manifest
from tflite_serving.settings import DEFAULT_ALIAS

if TYPE_CHECKING:
    from model_export.contract_in_words import ContractInWords
    from model_export.parity.comparing import Parity
    from model_export.pipeline import Export
    from model_export.sensitivity import Effect, Sensitivity


_BAR = 12
_PIPED_WIDTH = 2000
_WIDE = 150
_LESS_IMPORTANT = ("drop, 95 %", "gzip", "zeros", "p99 ms", "batch ms", "cold ms", "RSS MiB")


def console(file: TextIO | None = None) -> Console:
    """A file, or stdout; wide enough when piped that no table wraps, so that lines stay lines."""
    # No markup: labels and names may have brackets in them.
    found = Console(file=file, highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found.width = _PIPED_WIDTH
    return found


def read(uri: str) -> Manifest | AliasDocument:
    """What an artifact's or alias's URI names; see the `show` command.

    Raises:
        UsageError: it is no such URI.
        RegistryError: nothing is there.
    """
    return _read(*_parts(uri))


def find_artifact(uri: str) -> tuple[str, Manifest]:
    """The registry of an artifact's or alias's URI, and the manifest that it comes to.

    Raises:
        UsageError, RegistryError: as `read`.
    """
    registry, name, kind, which = _parts(uri)
    document = _read(registry, name, kind, which)
    if isinstance(document, Manifest):
        return registry, document
    found = _read(registry, name, "versions", document.version)
    assert isinstance(found, Manifest)
    return registry, found


def _parts(uri: str) -> tuple[str, str, str, str]:
    """Registry, model, "versions" or "aliases", and which."""
    registry, slash, path = uri.rstrip("/").rpartition(f"/{layout.MODELS}/")
    parts = path.removesuffix(".json").removesuffix("/manifest").split("/")
    if not slash or len(parts) not in (1, 3):
        raise UsageError(
            f"{uri}: expected <registry>/models/<name>/versions/<version> or …/aliases/…"
        )
    name, kind, which = parts if len(parts) == 3 else (parts[0], "aliases", DEFAULT_ALIAS)
    if kind not in ("versions", "aliases"):
        raise UsageError(f"{uri}: expected versions or aliases after the model, got {kind!r}")
    return registry, name, kind, which


def _read(registry: str, name: str, kind: str, which: str) -> Manifest | AliasDocument:
    with registry_errors():
        store = open_writable(registry)
    if kind == "versions":
        return read_version(store, name, which)
    return read_named_alias(store, name, which)


def print_document(document: Manifest | AliasDocument, console: Console) -> None:
    """Prints an artifact or an alias."""
    if isinstance(document, AliasDocument):
        console.print(_alias_table(document))
        return
    console.print(_facts_table(document))
    print_candidates(document, console)


def print_contract(contract: ContractInWords, console: Console) -> None:
    """Prints what clients send, what the function does and what comes back."""
    steps = tuple((f"{place}.", step) for place, step in enumerate(contract.steps, 1))
    for title, rows in (
        ("what clients send", contract.sends),
        ("what the function does first", steps),
        ("what comes back", contract.answers),
    ):
        if not rows:
            continue
        console.print(f"\n{title}")
        table = Table(show_header=False, box=None, padding=(0, 0, 0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, words in rows:
            table.add_row(name, words)
        console.print(table)
    console.print("\none of its golden examples")
    console.print(f"  {contract.request}", soft_wrap=True)


def print_parity(found: Parity, console: Console) -> None:
    """Prints how far the answers are from the reference's, and the worst of them."""
    agreement = found.label_agreement
    same = "" if agreement is None else f"{agreement:.2%} of the labels agree; "
    differ = f"differ by {found.largest:.2g} at most, {found.mean:.2g} on average"
    console.print(
        f"{found.model} {found.version} against {found.against}: {found.questions} asked, "
        f"{same}scores {differ if found.largest else 'are equal'}",
        soft_wrap=True,
    )
    for output in found.outputs if len(found.outputs) > 1 else ():
        agreement = output.label_agreement
        same = "" if agreement is None else f"{agreement:.2%} of the labels agree; "
        console.print(
            f"  {output.output}: {same}differs by {output.largest:.2g} at most, "
            f"{output.mean:.2g} on average"
        )
    if not found.worst:
        return
    table = Table(box=box.SIMPLE)
    for column in ("example", "sent", "reference", "served", "difference"):
        table.add_column(column, overflow="fold", no_wrap=column != "sent")
    for each in found.worst:
        table.add_row(each.id, each.sent, each.reference, each.served, f"{each.largest:.2g}")
    console.print(table)


_WHY = {
    "speed": "it is faster there",
    "range": "its values are of all sizes, of which 8 bits hold the largest alone",
}


def print_candidates(manifest: Manifest, console: Console) -> None:
    """Prints every candidate, and what the mixtures among them left in float."""
    candidates, metric = manifest.compression.candidates, manifest.quality.metric
    console.print(candidates_table(candidates, metric, console.width))
    for candidate in candidates:
        for kept in candidate.kept_in_float:
            why = _WHY.get(kept.why) or f"quantized alone, it moves the output by {kept.error:.3g}"
            console.print(
                f"  {candidate.name}: {kept.layer or kept.name} ({kept.kind}) stays in float; {why}"
            )


def candidates_table(candidates: Sequence[Candidate], metric: str, width: int) -> Table:
    """Every candidate with its size, quality and latency.

    Args:
        candidates: of one export.
        metric: of quality.
        width: of the console; a narrow one gets the columns that matter most.
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
    return table


def sensitivity_table(found: Sensitivity) -> Table:
    """The layers of a model, the most sensitive first."""
    table = Table(
        box=box.SIMPLE,
        title=f"{found.model}: what each layer costs alone, in {found.metric} on "
        f"{found.examples:,} validation examples ({found.reference:.4f} unchanged)",
        title_justify="left",
    )
    table.add_column("layer", overflow="fold")
    table.add_column("weights", justify="right", no_wrap=True)
    for change in (f"{found.sparsity:.0%} zeros", found.variant):
        table.add_column(f"{change}: drop", justify="right", no_wrap=True)
        table.add_column("output moves", no_wrap=True)
    effects = [effect for layer in found.layers for effect in (layer.pruning, layer.quantization)]
    largest = max((effect.error for effect in effects if effect), default=0.0)
    for layer in found.layers:
        cells = [layer.layer, f"{layer.weights:,}"]
        for effect in (layer.pruning, layer.quantization):
            cells += _effect_cells(effect, largest)
        table.add_row(*cells)
    return table


def _effect_cells(effect: Effect | None, largest: float) -> list[str]:
    if effect is None:
        return ["", ""]
    bar = "█" * round(_BAR * effect.error / largest) if largest else ""
    return [f"{effect.drop:+.4f}", f"{effect.error:.4f} {bar}"]


def versions_table(versions: Sequence[ListedVersion]) -> Table:
    """A listing of versions."""
    table = Table(box=box.SIMPLE)
    for column in ("model", "version", "aliases", "variant"):
        table.add_column(column, no_wrap=True)
    for column in ("quality", "bytes"):
        table.add_column(column, justify="right")
    for listed in versions:
        row = listing_row(listed)
        table.add_row(
            row["name"],
            row["version"],
            ", ".join(row["aliases"]),
            row["variant"],
            f"{row['quality']:.4f}",
            f"{row['bytes']:,}",
        )
    return table


def listing_row(listed: ListedVersion) -> dict[str, Any]:
    """One version of a listing, for programs."""
    manifest = listed.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "created_at": manifest.created_at,
        "aliases": list(listed.aliases),
        "variant": manifest.compression.quantization,
        "metric": manifest.quality.metric,
        "quality": manifest.quality.published,
        "bytes": manifest.files["model.tflite"].bytes,
    }


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
    return f"published {manifest.compression.quantization}{alias}; {drop}\n{place}"


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


def _facts_table(manifest: Manifest) -> Table:
    quality = manifest.quality
    table = Table(show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    facts = {
        "model": manifest.name,
        "version": manifest.version,
        "created": manifest.created_at,
        "task": manifest.task,
        "published": f"{manifest.compression.quantization}, "
        f"{manifest.files['model.tflite'].bytes:,} bytes",
        "quality": f"{quality.metric} {quality.published:.4f}, reference {quality.reference:.4f}, "
        f"on {quality.examples} examples of {quality.dataset}",
        "drop": f"{quality.drop:+.4f}, 95 % interval {quality.drop_interval_95[0]:+.4f} to "
        f"{quality.drop_interval_95[1]:+.4f}",
        "runtime": f"{manifest.runtime.runtime} {manifest.runtime.min_version}",
        "cold load": f"{manifest.resources.cold_load_ms:.0f} ms, "
        f"{manifest.resources.peak_rss_mib:.0f} MiB",
        "made from": f"model {manifest.provenance.source_sha256[:12]}, recipe "
        f"{manifest.provenance.recipe_sha256[:12]}, data {manifest.provenance.data_sha256[:12]}",
    }
    for label, fact in facts.items():
        if label in ("quality", "drop") and manifest.compression.chosen.outputs:
            continue
        table.add_row(label, fact)
    for each in manifest.compression.chosen.outputs:
        low, high = each.drop_interval_95
        table.add_row(
            "quality",
            f"{each.output}: {each.metric} {each.quality:.4f}, reference {each.reference:.4f}, "
            f"drop {each.drop:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}",
        )
    return table


def _alias_table(document: AliasDocument) -> Table:
    table = Table(title=f"{document.model}@{document.alias} → {document.version}", box=box.SIMPLE)
    for column in ("at", "version", "by", "action"):
        table.add_column(column, no_wrap=True)
    for change in reversed(document.history):
        table.add_row(change.at, change.version, change.by, change.action)
    return table
