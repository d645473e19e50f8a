"""Asks deployed functions what their users will: are they ready, right, and closed to strangers?

    python -m delivery.smoke version …     # before the alias names the version: by its id
    python -m delivery.smoke alias …       # after that: as clients ask

The golden examples of the version are sent to each function that serves its alias, in each region,
and the answers are compared with the Keras model's own, within the tolerance that was measured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from delivery.deployed import Deployed, SmokeError, testable
from delivery.documents import read_document, reading
from delivery.expected import Expected
from delivery.identity import IAM_CREDENTIALS, audience, check_url, identity_token, public_names
from delivery.publish import Published
from delivery.target import Target, eventually
from model_export import ExportError, alias_names, open_registry


def smoke(
    target: Target,
    expected: Expected,
    selector: str,
    deadline: float,
    *,
    digest: str | None,
    ready: bool,
    anonymous: str,
) -> None:
    """All that is asked of one function.

    Args:
        target: The function.
        expected: What it must answer.
        selector: What the version is asked for by: ``labels/<alias>`` or ``versions/<version>``.
        deadline: Time by `time.monotonic`, in seconds.
        digest: sha256 of the bundle that it must run; None for any.
        ready: Whether every model that it serves must be loaded.
        anonymous: "refused", or "answered" for a function that is public on purpose.

    Raises:
        SmokeError: it is not what was released.
    """
    if digest is not None:
        eventually(lambda: target.runs(digest), deadline)
    eventually(lambda: target.serves(expected.manifest, selector), deadline)
    eventually(lambda: target.predict(expected, selector), deadline)
    if ready:
        eventually(target.ready, deadline)
    if anonymous == "refused":
        eventually(target.refuses_strangers, deadline)


def places(functions: Sequence[Deployed], url: str) -> Iterator[tuple[Deployed, str]]:
    """Each function, and where it is asked: at its own URL in each region.

    Args:
        functions: Functions that serve the version.
        url: Where to ask instead; empty for their own URLs.

    Raises:
        SmokeError: one has no URL.
    """
    for function in functions:
        if not url and not function.urls:
            raise SmokeError(
                f"{function.name}: expected its URL among the outputs, got none; run apply.sh again"
            )
        for where in [url] if url else function.urls:
            yield function, where


@click.command()
@click.argument("by", type=click.Choice(["version", "alias"]))
@click.option("--outputs", type=click.Path(path_type=Path), required=True, help="Terraform's.")
@click.option("--published", type=click.Path(path_type=Path), required=True, help="publish.sh's.")
@click.option("--registry", required=True, help="URI of the registry that is served from.")
@click.option("--alias", required=True, help="The alias that clients follow.")
@click.option("--candidate", required=True, help="The alias that names a version to be tested.")
@click.option("--account", required=True, help="Whose identity token is shown.")
@click.option("--url", default="", help="Where to ask; the function's own URL by default.")
@click.option("--anonymous", type=click.Choice(["refused", "answered"]), default="refused")
@click.option("--patience", type=float, default=300.0, help="Seconds that all of it may take.")
@click.option("--iam-credentials", default=IAM_CREDENTIALS, help="Where tokens come from.")
def main(
    by: str,
    outputs: Path,
    published: Path,
    registry: str,
    alias: str,
    candidate: str,
    account: str,
    url: str,
    anonymous: str,
    patience: float,
    iam_credentials: str,
) -> None:
    """Ask every function that serves the alias, in each region; exit code 1 if one is wrong."""
    deadline = time.monotonic() + patience
    version = Published.read(published)
    selector = f"versions/{version.version}" if by == "version" else f"labels/{alias}"
    try:
        document, url = read_document(outputs), url.rstrip("/")
        functions = testable(document, version.model, alias, candidate)
        with reading(outputs):
            names = dict(public_names(document))
        if url:
            check_url(url, functions, names)
        # Before a first release there is no alias, and no function can be ready.
        ready = by == "alias" or alias in alias_names(open_registry(registry), version.model)
        expected = Expected.of(registry, version)
        for function, where in places(functions, url):
            token = identity_token(account, audience(names, function, where), iam_credentials)
            try:
                smoke(
                    Target(where, token),
                    expected,
                    selector,
                    deadline,
                    digest=function.digest,
                    ready=ready,
                    anonymous=anonymous,
                )
            except SmokeError as error:
                raise SmokeError(f"{function.name} at {where}: {error}") from None
            click.echo(
                f"{function.name} at {where}: right about {len(expected.golden.ids)} golden "
                f"examples, asked for {version.model}/{selector}"
            )
    except (SmokeError, ExportError) as error:
        click.echo(f"SMOKE TEST FAILED: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
