"""The command line. What commands do lives elsewhere; here is how people call them."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stdout
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
from rich.console import Console

from model_export import show as present
from model_export.baking import find_models, read_models
from model_export.bundle import ANY_SIZE, PLATFORM, Limits
from model_export.bundle import bundle as write_bundle
from model_export.errors import ExportError, GateError, Interrupted, ParityError, UsageError
from model_export.local_function import local_function
from model_export.native_logs import native_logs_held_back
from model_export.progress import Progress
from model_export.recipe import Recipe, read_recipe
from model_export.registry.opening import open_writable
from model_export.registry.release import Release, roll_back
from model_export.registry.release import promote as do_promote
from model_export.registry.verbs import list_versions, registry_errors
from tflite_serving.contract.codec import encode

P = ParamSpec("P")
_PLOTS = (".svg", ".png", ".pdf")
_FUNCTIONS = Path(__file__).resolve().parent.parent / "functions"


def _reports_errors(command: Callable[P, None]) -> Callable[P, None]:
    """An `ExportError` becomes a message and its exit code; anything else is a bug, and shows."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ExportError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Turns a trained Keras classifier into an artifact that the function serves.

    Exit codes: 0 done, 2 usage or recipe, 3 load or conversion, 4 the gate failed and nothing was
    published, 5 registry, 130 interrupted, 1 a bug.
    """


@main.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--registry", help="URI of the registry; the recipe's by default.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="gate.max_drop=0.02")
@click.option("--dry-run", is_flag=True, help="Measure and judge, but publish nothing.")
@click.option("--resume", is_flag=True, help="Go on with what an interrupted export finished.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for unfinished work; the recipe's by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON on stdout.")
@_reports_errors
def export(
    recipe: Path,
    registry: str | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    resume: bool,
    work: Path | None,
    as_json: bool,
) -> None:
    """Prune, convert, quantize, measure, judge and publish one model."""
    parsed = read_recipe(recipe, overrides)
    folder = recipe.resolve().parent
    target = None if dry_run else registry or _registry_of(parsed, folder)
    # Progress goes to stderr, and so does what the user's own code prints: stdout is for what the
    # command is asked for.
    with native_logs_held_back() as stderr, redirect_stdout(stderr):
        from model_export.pipeline import Request
        from model_export.pipeline import export as run

        request = Request(
            recipe=parsed,
            folder=folder,
            registry=target,
            resume=resume,
            work=work,
            command=_command(recipe, overrides),
        )
        try:
            done = run(request, Progress(Console(file=stderr)))
        except GateError as error:
            console = present.console(stderr)
            console.print(present.candidates_table(error.candidates, error.metric, console.width))
            raise
        except KeyboardInterrupt:
            raise Interrupted("interrupted; --resume goes on where it was") from None
    if as_json:
        click.echo(json.dumps(encode(done.manifest)))
        return
    console = present.console()
    present.print_candidates(done.manifest, console)
    console.print(present.outcome(done), highlight=False, soft_wrap=True)


@main.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="prune.sparsity=0.8")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the ranking into this file: .svg, .png or .pdf.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the ranking as JSON on stdout.")
@_reports_errors
def sensitivity(recipe: Path, overrides: tuple[str, ...], plot: Path | None, as_json: bool) -> None:
    """Rank the layers by what pruning and int8 cost in quality, each layer alone.

    Nothing is trained and nothing is published; the validation split is asked.
    """
    parsed = read_recipe(recipe, overrides)
    if plot is not None and plot.suffix not in _PLOTS:
        raise UsageError(f"--plot {plot}: expected one of {', '.join(_PLOTS)}")
    with native_logs_held_back() as stderr, redirect_stdout(stderr):
        from model_export.sensitivity import measure_sensitivity

        found = measure_sensitivity(parsed, recipe.resolve().parent, Progress(Console(file=stderr)))
        if plot is not None:
            from model_export.report.sensitivity_plot import draw_sensitivity

            draw_sensitivity(found, plot)
    if as_json:
        click.echo(json.dumps(encode(found)))
        return
    present.console().print(present.sensitivity_table(found))
    if plot is not None:
        click.echo(f"drawn to {plot}", err=True)


@main.command()
@click.argument("uri")
@click.option("--json", "as_json", is_flag=True, help="Print the document as JSON.")
@_reports_errors
def show(uri: str, as_json: bool) -> None:
    """Show one artifact or alias, and what the function that serves it takes and answers.

    URI is <registry>/models/<name>/versions/<version>, …/aliases/<alias>, or …/models/<name> for
    its production alias.
    """
    document = present.read(uri)
    if as_json:
        click.echo(json.dumps(encode(document)))
        return
    from model_export.contract_in_words import read_contract

    console = present.console()
    present.print_document(document, console)
    registry, manifest = present.find_artifact(uri)
    with registry_errors():
        store = open_writable(registry)
    present.print_contract(read_contract(store, manifest), console)


@main.command()
@click.argument("uri")
@click.option(
    "--against",
    type=click.Path(exists=True, path_type=Path),
    help="Keras model to compare with; by default, the artifact's golden examples.",
)
@click.option("--data", help="Examples to ask: module:function or .npz; with --against.")
@click.option("--url", help="Ask a function that runs there; by default, its code in this process.")
@click.option("--token", help="Identity token to show to it.")
@click.option(
    "--http", is_flag=True, help="Start a function on a port of this machine, and ask it over HTTP."
)
@click.option("--limit", type=click.IntRange(min=1), help="Ask about the first so many examples.")
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    help="Exit with 4 if fewer labels than this fraction agree.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@_reports_errors
def verify(
    uri: str,
    against: Path | None,
    data: str | None,
    url: str | None,
    token: str | None,
    http: bool,
    limit: int | None,
    min_agreement: float | None,
    as_json: bool,
) -> None:
    """Compare what is served with the model that it was made from, from raw inputs on.

    URI is that of an artifact or an alias, as for `show`. The test split of --data is asked, or the
    golden examples.
    """
    if (against is None) != (data is None):
        raise UsageError("expected --against and --data together, got one of them")
    if http and url is not None:
        raise UsageError("expected --http or --url, got both")
    if token is not None and url is None:
        raise UsageError("--token: expected --url, whose function it is shown to")
    registry, manifest = present.find_artifact(uri)
    from model_export.parity.asking import ask, in_process, over_http
    from model_export.parity.comparing import compare
    from model_export.parity.questions import (
        golden_examples,
        golden_questions,
        model_questions,
    )

    with (
        native_logs_held_back() as stderr,
        redirect_stdout(stderr),
        tempfile.TemporaryDirectory(prefix="verify-") as folder,
        ExitStack() as running,
    ):
        progress = Progress(Console(file=stderr))
        with progress.step("reference") as step:
            if against is None or data is None:
                with registry_errors():
                    store = open_writable(registry)
                questions = golden_questions(golden_examples(store, manifest))
            else:
                questions = model_questions(against, data, Path.cwd(), manifest)
            questions = questions.first(limit or len(questions))
            step.result = f"{len(questions)} examples"
        with progress.step("served") as step:
            if http:
                model = f"{manifest.name}@{manifest.version}"
                log = Path(folder) / "function.log"
                url = running.enter_context(local_function(registry, model, log))
            if url is None:
                post = in_process(registry, manifest, Path(folder) / "cache")
            else:
                post = over_http(url, token)
            found = compare(
                manifest, questions, ask(manifest, questions.inputs, post, step.advance)
            )
            step.result = "in this process" if url is None else f"at {url}"
    if as_json:
        click.echo(json.dumps(encode(found)))
    else:
        present.print_parity(found, present.console())
    agreement = found.label_agreement
    if min_agreement is not None and agreement is not None and agreement < min_agreement:
        raise ParityError(
            f"expected {min_agreement:.4g} of the labels to agree, got {agreement:.4g}"
        )


@main.command(name="list")
@click.argument("registry")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@_reports_errors
def list_command(registry: str, name: str | None, as_json: bool) -> None:
    """List the versions in REGISTRY, of one model or of all."""
    with registry_errors():
        store = open_writable(registry)
    versions = list(list_versions(store, name))
    if as_json:
        for listed in versions:
            click.echo(json.dumps(present.listing_row(listed)))
        return
    if not versions:
        click.echo(f"{store.uri}: nothing is published here", err=True)
        return
    present.console().print(present.versions_table(versions))


@main.command()
@click.argument("name")
@click.argument("source")
@click.argument("alias")
@click.option("--registry", required=True, help="URI of the registry.")
@_reports_errors
def promote(name: str, source: str, alias: str, registry: str) -> None:
    """Release a version: point ALIAS of model NAME to SOURCE, a version or another alias.

    Running functions follow within ALIAS_REFRESH_SECONDS; nothing is deployed.
    """
    with registry_errors():
        store = open_writable(registry)
    _tell_release(do_promote(store, name, source, alias))


@main.command()
@click.argument("name")
@click.argument("alias")
@click.option("--registry", required=True, help="URI of the registry.")
@_reports_errors
def rollback(name: str, alias: str, registry: str) -> None:
    """Take a release back: point ALIAS of model NAME to the version that it named before.

    Again takes back the release before that.
    """
    with registry_errors():
        store = open_writable(registry)
    _tell_release(roll_back(store, name, alias))


def _tell_release(release: Release) -> None:
    alias = release.alias
    before = "new" if release.before is None else f"before: {release.before}"
    click.echo(
        f"{alias.model}@{alias.alias}: {alias.version}, "
        + (before if release.is_change else "as before")
    )


@main.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build"),
    help="Folder for the zip.",
)
@click.option(
    "--bake",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Put this model into the zip: NAME, NAME@ALIAS or NAME@VERSION; again for more of them.",
)
@click.option("--registry", help="URI of the registry that baked models are taken from.")
@click.option("--any-size", is_flag=True, help="Write the zip however large it is.")
@_reports_errors
def bundle(output: Path, models: tuple[str, ...], registry: str | None, any_size: bool) -> None:
    """Zip the function for deployment, byte for byte the same each time.

    With --bake, the function serves the baked models as they are now, and needs neither a
    registry nor settings.
    """
    limits = ANY_SIZE if any_size else PLATFORM
    files = _bake(models, registry, limits)
    path = write_bundle(_FUNCTIONS, output, files, limits)
    click.echo(f"{path}  {path.stat().st_size:,} bytes")


def _bake(models: Sequence[str], registry: str | None, limits: Limits) -> dict[str, bytes]:
    if bool(models) != (registry is not None):
        raise UsageError("expected --bake MODEL and --registry URI together, got one of them")
    if registry is None:
        return {}
    store, found = find_models(models, registry)
    limits.check_unpacked(sum(model.bytes for model in found))  # before anything large is read
    files = read_models(store, found)
    for model in found:
        version = model.manifest.version
        click.echo(f"baked {model.ref}: {version}, {model.bytes:,} bytes", err=True)
        if model.left_behind:
            others = " and ".join(model.left_behind)
            click.echo(f"{model.ref}: {others} left out: a bundle serves one version", err=True)
    return files


def _command(recipe: Path, overrides: Sequence[str]) -> str:
    settings = [part for override in overrides for part in ("--set", override)]
    return shlex.join(["python", "-m", "model_export", "export", str(recipe), *settings])


def _registry_of(recipe: Recipe, folder: Path) -> str:
    registry = recipe.publish.registry
    if registry is None:
        raise click.UsageError(
            "no registry: give --registry URI, set publish.registry in the recipe, or --dry-run"
        )
    return registry if "://" in registry else str((folder / registry).resolve())
