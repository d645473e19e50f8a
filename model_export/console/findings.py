"""Prints the results of ``verify`` and ``sensitivity``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from model_export.steps.sensitivity import Effect, Sensitivity
    from model_export.verification.comparison import OutputParity, Parity

_BAR = 12


def print_parity(found: Parity, console: Console) -> None:
    """Prints how far the answers are from the reference's, and the worst of them."""
    asked = f"{found.model} {found.version} against {found.against}: {found.questions} asked"
    several = len(found.outputs) > 1
    told = [f"{asked}, {_told(output)}" for output in found.outputs]
    if several:
        # What differs by 3 EUR and what differs by 0.01 have no sum, but labels can be counted.
        agreement = found.label_agreement
        same = "" if agreement is None else f", {agreement:.2%} of the labels agree"
        told = [asked + same, *(f"  {output.output}: {_told(output)}" for output in found.outputs)]
    for line in told:
        console.print(line, soft_wrap=True)
    if not found.worst:
        return
    table = Table(box=box.SIMPLE)
    for column in ("example", "sent", "reference", "served", "difference"):
        table.add_column(column, overflow="fold", no_wrap=column != "sent")
    for each in found.worst:
        parts = [f"{name}: {difference:.2g}" for name, difference in each.outputs.items()]
        difference = "; ".join(parts) if several else f"{each.largest:.2g}"
        table.add_row(each.id, each.sent, each.reference, each.served, difference)
    console.print(table)


def _told(output: OutputParity) -> str:
    agreement = output.label_agreement
    same = "values" if agreement is None else f"{agreement:.2%} of the labels agree; scores"
    if not output.largest:
        return f"{same} are equal"
    return f"{same} differ by {output.largest:.2g} at most, {output.mean:.2g} on average"


def sensitivity_table(found: Sensitivity) -> Table:
    """The layers of a model, the most sensitive first."""
    # Of several outputs, what they lose is added up, and so nothing is lost.
    unchanged = f" ({found.reference:.4f} unchanged)" if found.reference else ""
    table = Table(
        box=box.SIMPLE,
        title=f"{found.model}: what each layer costs alone, in {found.metric} on "
        f"{found.examples:,} validation examples{unchanged}",
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
