"""Whether a plan may be applied: it goes back to nothing, deletes nothing unasked, can be tested.

    python -m delivery.policy --environment staging --plan plan.json --file plan.tfplan \
      --revision revision.json --published published.json --alias staging --candidate candidate \
      --allowed allowed

What it allows is one file, by its sha256.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from delivery.deletions import DeletionError, check_released, deletions
from delivery.deployed import SmokeError, check_first, testable
from delivery.documents import check_file, part, read_document, reading
from delivery.publish import Published
from delivery.revision import Revision
from delivery.succession import OvertakenError, check_newer


class UnapprovedError(Exception):
    """A plan is of prod, and the run is not."""


def check_environment(plan: Mapping[str, Any], environment: str) -> None:
    """Refuses a plan of prod in a run of which nobody demanded an approval.

    Args:
        plan: The plan, as `terraform show -json` prints it.
        environment: Environment that the run delivers to.

    Raises:
        UnapprovedError: it is one.
    """
    planned = plan.get("variables", {}).get("environment", {}).get("value")
    if planned == "prod" and environment != "prod":
        raise UnapprovedError(
            f'infra/environments/{environment}.tfvars: expected another environment than "prod", '
            f"because a run to {environment} needs no approval; deliver with ENVIRONMENT=prod"
        )


@click.command()
@click.option("--environment", required=True, help="The environment that the run delivers to.")
@click.option("--plan", type=click.Path(path_type=Path), required=True, help="As JSON.")
@click.option("--file", type=click.Path(path_type=Path), required=True, help="As Terraform has it.")
@click.option("--revision", type=click.Path(path_type=Path), required=True, help="bundle.sh's.")
@click.option("--release", default="", help="What may be deleted: addresses, separated by ';'.")
@click.option("--replaces", default="", help="The commit that may be replaced by an older one.")
@click.option("--published", type=click.Path(path_type=Path), required=True, help="publish.sh's.")
@click.option("--alias", required=True, help="The alias that clients follow.")
@click.option("--candidate", required=True, help="The alias that names a version to be tested.")
@click.option("--allowed", type=click.Path(path_type=Path), required=True, help="Write it here.")
def main(
    environment: str,
    plan: Path,
    file: Path,
    revision: Path,
    release: str,
    replaces: str,
    published: Path,
    alias: str,
    candidate: str,
    allowed: Path,
) -> None:
    """Write the sha256 of the plan to a file if it may be applied; exit code 1 if not."""
    document = read_document(plan)
    # Of the state that the plan was made of: whoever changes it makes the plan stale. The outputs
    # of `prior_state` are no good, because Terraform shows what they will be.
    with reading(plan):
        before = document.get("output_changes", {}).get("release", {}).get("before")
        found = deletions(document)
    deployed = Revision.of_output(before, plan)
    model = Published.read(published).model
    try:
        with reading(plan):
            check_environment(document, environment)
        check_newer(Revision.read(revision), deployed, replaces)
        check_released(found, release)
        outputs = part(document, plan, "planned_values", "outputs")
        functions = testable(outputs, model, alias, candidate)
        check_first(functions, model, candidate)
    except (UnapprovedError, OvertakenError, DeletionError, SmokeError) as error:
        click.echo(f"REFUSED: {error}", err=True)
        sys.exit(1)
    allowed.write_text(hashlib.sha256(check_file(file).read_bytes()).hexdigest(), encoding="utf-8")
    click.echo("\n".join(["the plan may be applied", *(f"  released: {each}" for each in found)]))


if __name__ == "__main__":
    main()
