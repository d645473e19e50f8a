"""One example from end to end: train, export, publish, serve, ask about the whole test split.

    python -m examples.run sentences --folder build/examples/sentences

What a former run left in the folder is used again if nothing that it depends on has changed. The
exit code is 1 if the function gives too many examples another label than Keras does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from examples.comparison import Comparison, compare_one_by_one
from examples.function import serving
from examples.headings import heading
from examples.publishing import export_once
from examples.training import train_once
from model_export import (
    DataSection,
    ExportError,
    ModelSection,
    body_of,
    instances_of,
    model_questions,
    native_logs_held_back,
    open_console,
    print_candidates,
)
from tflite_serving.contract.manifest import MODEL_FILE, Manifest

COMPARISON = "comparison.json"
"""In the folder: what the comparison came to."""

_HERE = Path(__file__).resolve().parent
NAMES = sorted(path.parent.name for path in _HERE.glob("*/recipe.toml"))
# int8 changes answers that were nearly a tie; how many it may is what the recipe's budget is for.
_LEAST_AGREEMENT = {"float32": 0.995}
_LEAST_AGREEMENT_OF_OTHERS = 0.95
_QUICK_EPOCHS, _QUICK_COUNT = 2, 200
_QUICK_SETTINGS = ('quantize.variants=["float32"]', "measure.rounds=2", "measure.starts=1")


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@click.option("--folder", type=click.Path(path_type=Path), help="Default: build/examples/NAME.")
@click.option(
    "--quick",
    is_flag=True,
    help=f"{_QUICK_EPOCHS} epochs, float32 alone, and {_QUICK_COUNT} test examples.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Overrides a key of the recipe, as for the export.",
)
def main(name: str, folder: Path | None, settings: tuple[str, ...], *, quick: bool) -> None:
    """Runs the whole road once for the example NAME."""
    console = open_console()
    folder = (folder or Path("build") / "examples" / name).resolve()
    example = importlib.import_module(f"examples.{name}.train")
    model = folder / f"{name}.keras"
    try:
        heading(console, "train")
        train_once(example, model, _QUICK_EPOCHS if quick else example.EPOCHS, console, small=quick)
        heading(console, "export")
        splits = "small_splits" if quick and hasattr(example, "small_splits") else "splits"
        data = f"examples.{name}.train:{splits}"
        quick_settings = (*_QUICK_SETTINGS, f"data.source={data}") if quick else ()
        settings = (*quick_settings, *settings)
        manifest = export_once(_HERE / name / "recipe.toml", model, settings, console)
        print_candidates(manifest, console)
        heading(console, "serve")
        with native_logs_held_back():
            questions = model_questions(
                ModelSection(name=name, source=str(model)),
                DataSection(source=data),
                _HERE.parent,
                manifest,
                _QUICK_COUNT if quick else None,
            )
        truth = getattr(example, splits)()["test"][1][: len(questions)]
        with serving(name, folder, console) as url:
            found = compare_one_by_one(manifest, questions, truth, url)
    except ExportError as error:
        console.print(f"error: {error}", markup=False)
        sys.exit(error.exit_code)
    heading(console, "compare")
    _print_comparison(found, manifest, console)
    (folder / COMPARISON).write_text(json.dumps(_figures(found, manifest)))
    heading(console, "done")
    request = folder / "example.json"
    request.write_bytes(body_of(instances_of(manifest, questions.first(1).inputs)))
    _say_how_to_ask(name, folder, request, console)
    sys.exit(0 if _is_faithful(found, manifest) else 1)


def _print_comparison(found: Comparison, manifest: Manifest, console: Console) -> None:
    figures = _figures(found, manifest)
    table = Table(box=box.SIMPLE, show_header=False)
    for what, value in {
        "test examples asked": f"{figures['examples']:,}",
        "accuracy of Keras": f"{figures['keras']:.4f}",
        f"accuracy as served ({figures['form']})": f"{figures['served']:.4f}",
        "same label as Keras": f"{figures['agreement']:.2%}",
        "largest difference of a probability": f"{figures['largest']:.2g}",
        "mean difference of a probability": f"{figures['mean']:.2g}",
        "artifact": f"{figures['bytes']:,} bytes",
        "p50 over HTTP, one by one": f"{figures['p50_ms']:.2f} ms",
    }.items():
        table.add_row(what, value)
    console.print(table)


def _figures(found: Comparison, manifest: Manifest) -> dict[str, Any]:
    """What the comparison came to, by short names."""
    return {
        "examples": found.parity.questions,
        "keras": found.keras,
        "form": manifest.compression.quantization,
        "served": found.served,
        "agreement": found.parity.label_agreement,
        "largest": found.parity.largest,
        "mean": found.parity.mean,
        "bytes": sum(entry.bytes for entry in manifest.files.values()),
        "model_bytes": manifest.files[MODEL_FILE].bytes,
        "p50_ms": float(np.percentile(found.milliseconds, 50)),
    }


def _is_faithful(found: Comparison, manifest: Manifest) -> bool:
    form, agreement = manifest.compression.quantization, found.parity.label_agreement
    assert agreement is not None
    return agreement >= _LEAST_AGREEMENT.get(form, _LEAST_AGREEMENT_OF_OTHERS)


def _say_how_to_ask(name: str, folder: Path, request: Path, console: Console) -> None:
    registry = os.path.relpath(folder / "registry")
    for what, command in {
        "serve it": f"make serve MODEL={name} REGISTRY={registry}",
        "ask it": "curl -H 'Content-Type: application/json' "
        f"-d @{os.path.relpath(request)} localhost:8080/predict",
    }.items():
        console.print(f"{what:10} {command}", soft_wrap=True)


if __name__ == "__main__":
    main()
