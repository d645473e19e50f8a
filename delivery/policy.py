"""Whether a plan may be applied: it goes back to nothing, deletes nothing unasked, can be tested.

    python -m delivery.policy --plan plan.json --file plan.tfplan --revision revision.json \
      --allowed allowed

What it allows is one file, by its sha256.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import click

from delivery.deletions import DeletionError, check_released, deletions
from delivery.deployed import SmokeError, check_first, testable
from delivery.documents import check_file, part, read_document, reading
from delivery.publish import Published
from delivery.revision import Revision
from delivery.succession import OvertakenError, check_newer


@click.command()
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
        check_newer(Revision.read(revision), deployed, replaces)
        check_released(found, release)
        outputs = part(document, plan, "planned_values", "outputs")
        functions = testable(outputs, model, alias, candidate)
        check_first(functions, model, candidate)
    except (OvertakenError, DeletionError, SmokeError) as error:
        click.echo(f"REFUSED: {error}", err=True)
        sys.exit(1)
    allowed.write_text(hashlib.sha256(check_file(file).read_bytes()).hexdigest(), encoding="utf-8")
    click.echo("\n".join(["the plan may be applied", *(f"  released: {each}" for each in found)]))


if __name__ == "__main__":
    main()
