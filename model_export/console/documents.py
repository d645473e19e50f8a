"""Prints a registry's documents: artifacts, aliases, lists of versions, input contracts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from model_export.console.candidates import print_candidates
from model_export.registry.operations import ListedVersion
from model_export.registry.release import Release
from tflite_serving.contract.alias import AliasDocument
from tflite_serving.contract.manifest import Manifest

if TYPE_CHECKING:
    from model_export.console.contract import ContractInWords


_WIDE = 110


def print_document(document: Manifest | AliasDocument, console: Console) -> None:
    """Prints an artifact or an alias."""
    if isinstance(document, AliasDocument):
        console.print(_alias_table(document))
        for field, share in document.shares.items():
            console.print(
                f"  {field}: {share.version} at {share.percent:g} %; this release serves one "
                f"version of an alias, so its functions refuse {document.model}@{document.alias}"
            )
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
        if rows:
            _print_rows(title, rows, console)
    console.print("\none of its golden examples")
    console.print(f"  {contract.request}", soft_wrap=True)
    _print_rows("how else it may be sent", contract.forms, console)


def _print_rows(title: str, rows: Sequence[tuple[str, str]], console: Console) -> None:
    console.print(f"\n{title}")
    table = Table(show_header=False, box=None, padding=(0, 0, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in rows:
        table.add_row(name, words)
    console.print(table)


def versions_table(versions: Sequence[ListedVersion], width: int) -> Table:
    """A listing of versions.

    Args:
        versions: in their order.
        width: of the console; a narrow one is not told the variants.
    """
    columns = ["model", "version", "aliases", "variant", "quality", "bytes"]
    if width < _WIDE:
        columns.remove("variant")
    table = Table(box=box.SIMPLE)
    for column in columns:
        is_figure = column in ("quality", "bytes")
        table.add_column(
            column,
            justify="right" if is_figure else "left",
            no_wrap=is_figure or column == "version",
            overflow="fold",
        )
    for listed in versions:
        row = listing_row(listed)
        cells = {
            "model": row["name"],
            "version": row["version"],
            "aliases": ", ".join(row["aliases"]),
            "variant": row["variant"],
            "quality": f"{row['metric']} {row['quality']:.4f}",
            "bytes": f"{row['bytes']:,}",
        }
        table.add_row(*(cells[column] for column in columns))
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
        "drop": _drop(quality.drop, quality.drop_interval_95),
        "runtime": f"{manifest.runtime.runtime} {manifest.runtime.min_version}",
        "cold load": f"{manifest.resources.cold_load_ms:.0f} ms, "
        f"{manifest.resources.peak_rss_mib:.0f} MiB",
        "made from": f"model {manifest.provenance.source_sha256[:12]}, recipe "
        f"{manifest.provenance.recipe_sha256[:12]}, data {manifest.provenance.data_sha256[:12]}",
    }
    outputs = manifest.compression.chosen.outputs
    several = outputs if len(outputs) > 1 else ()
    if several:
        facts["task"] = ", ".join(f"{spec.name} {spec.task}" for spec in manifest.outputs)
        facts["quality"] = f"on {quality.examples} examples of {quality.dataset}"
        facts["drop"] = ""
    for label, fact in facts.items():
        if fact:
            table.add_row(label, fact)
        for each in several if label == "quality" else ():
            drop = _drop(each.drop, each.drop_interval_95)
            table.add_row(
                "",
                f"{each.output}: {each.metric} {each.quality:.4f}, reference "
                f"{each.reference:.4f}, drop {drop}",
            )
    return table


def _drop(drop: float, interval: tuple[float, float]) -> str:
    return f"{drop:+.4f}, 95 % interval {interval[0]:+.4f} to {interval[1]:+.4f}"


def _alias_table(document: AliasDocument) -> Table:
    table = Table(title=f"{document.model}@{document.alias} → {document.version}", box=box.SIMPLE)
    for column in ("at", "version", "by", "action"):
        table.add_column(column, no_wrap=True)
    for change in reversed(document.history):
        table.add_row(change.at, change.version, change.by, change.action)
    return table


def release_in_words(release: Release) -> str:
    """What a release changed, in one line.

    Args:
        release: The alias as it is now, and the version that it named before.
    """
    alias = release.alias
    before = "new" if release.before is None else f"before: {release.before}"
    return (
        f"{alias.model}@{alias.alias}: {alias.version}, "
        + (before if release.is_change else "as before")
        + (f"; ended: {release.ended}" if release.ended else "")
    )
