"""The main job from end to end: train, export, publish, serve, ask over HTTP, stop.

    python -m examples.digits.demo --folder build/demo

What a former run left in the folder is used again if nothing that it depends on has changed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import requests
from rich import box
from rich.console import Console
from rich.table import Table

from examples.digits import train
from examples.function import predict, serving
from examples.headings import heading
from examples.publishing import export_once
from examples.training import train_once
from model_export import ExportError, open_console, print_candidates
from tflite_serving.contract import layout
from tflite_serving.contract.manifest import Manifest

_HERE = Path(__file__).resolve().parent
_SHADES = " ░▒▓█"


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("build/demo"))
@click.option("--count", default=8, help="How many held-out digits to send.")
@click.option("--epochs", default=train.EPOCHS, help="Passes over the training split.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Overrides a key of the recipe, as for the export.",
)
def main(folder: Path, count: int, epochs: int, settings: tuple[str, ...]) -> None:
    """Runs the whole road once, in FOLDER."""
    console = open_console()
    folder = folder.resolve()
    try:
        heading(console, "train")
        train_once(train, folder / "digits.keras", epochs, console)
        heading(console, "export")
        manifest = export_once(_HERE / "recipe.toml", folder / "digits.keras", settings, console)
        print_candidates(manifest, console)
        heading(console, "serve")
        with serving("digits", folder, console) as url:
            wrong = _ask(url, manifest, count, console)
    except ExportError as error:
        console.print(f"error: {error}", markup=False)
        sys.exit(error.exit_code)
    heading(console, "done")
    _say_where(folder, manifest, console)
    # The published accuracy allows for a wrong digit, not for many.
    sys.exit(1 if wrong > count // 2 else 0)


def _ask(url: str, manifest: Manifest, count: int, console: Console) -> int:
    """Sends held-out digits, shows what came back, and counts the wrong answers."""
    images, labels = train.splits()["test"]
    table = Table(box=box.SIMPLE)
    for column in ("sent", "came back", "truth", ""):
        table.add_column(column)
    table.add_column("latency", justify="right")
    wrong = 0
    session = requests.Session()
    for index in range(count):
        answer, milliseconds = predict(session, url, images[index].tolist())
        right = answer["label"] == str(labels[index])
        wrong += not right
        table.add_row(
            _picture(images[index]),
            f"{answer['label']}  ({answer['score']:.3f})",
            str(labels[index]),
            "✓" if right else "✗",
            f"{milliseconds:.1f} ms" + ("  cold" if index == 0 else ""),
            end_section=True,
        )
    console.print(table)
    rest = [predict(session, url, image.tolist())[1] for image in images[: 20 * count]]
    console.print(
        f"{len(rest)} more, one after the other: p50 {np.percentile(rest, 50):.2f} ms, "
        f"p99 {np.percentile(rest, 99):.2f} ms over HTTP"
    )
    console.print(
        f"accuracy of the published model on the test split: {manifest.quality.published:.4f} "
        f"(Keras: {manifest.quality.reference:.4f})"
    )
    return wrong


def _picture(image: npt.NDArray[np.float32]) -> str:
    """Four lines of eight characters, twice as wide as high like the terminal's own."""
    halves = image.reshape(4, 2, 8).mean(axis=1)
    shades = np.rint(halves * (len(_SHADES) - 1)).astype(int)
    return "\n".join("".join(_SHADES[shade] for shade in row) for row in shades)


def _say_where(folder: Path, manifest: Manifest, console: Console) -> None:
    artifact = folder / "registry" / layout.version_folder(manifest.name, manifest.version)
    for what, path in {
        "artifact": artifact,
        "manifest": artifact / "manifest.json",
        "report": artifact / "report.html",
        "alias": folder / "registry" / layout.alias_path(manifest.name, "production"),
    }.items():
        console.print(f"{what:9} {os.path.relpath(path)}", soft_wrap=True)
    request = folder / "digit.json"
    request.write_text(json.dumps({"instances": train.splits()["test"][0][:1].tolist()}))
    console.print("\nserve it   make serve")
    console.print(
        "ask it     curl -H 'Content-Type: application/json' "
        f"-d @{os.path.relpath(request)} localhost:8080/predict",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
