"""Which run may follow which: no older commit after a newer one, and no release after another run.

Nothing serializes the builds of Cloud Build, so that the one of an older commit may finish last.
Terraform's state says which commit is deployed, and a plan is good for the state that it was made
of alone; so what is compared with that state cannot be overtaken.

    python -m delivery.succession --outputs deployed.json --revision revision.json
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from delivery.documents import read_document, reading
from delivery.revision import Revision

_MOST_AHEAD = timedelta(minutes=10)
"""Clocks of committers may be wrong by so much."""


class OvertakenError(Exception):
    """Another commit is deployed than this run may replace or release; the message says which."""


def check_newer(ours: Revision, deployed: Revision | None, replaces: str) -> None:
    """Refuses to deploy a commit that is older than the deployed one.

    Args:
        ours: Revision that would be deployed.
        deployed: Revision that is; None if no pipeline deployed one.
        replaces: Commit that may be replaced by an older one, because somebody wants to go back;
            empty for none. It names the deployed one, so that it permits nothing later on.

    Raises:
        OvertakenError: the deployed one is newer, or ours is of a time to come.
    """
    ahead = ours.time - datetime.now(UTC)
    if ahead > _MOST_AHEAD:
        raise OvertakenError(
            f"commit {ours.commit} of {ours.committed_at}: expected a time that is past, because "
            "nothing could follow it until then; commit again with a clock that is right"
        )
    if deployed is None or deployed.commit in (ours.commit, replaces):
        return
    # Two of one second, as a rebase makes them: nobody could tell which is the newer.
    if ours.time > deployed.time:
        return
    raise OvertakenError(
        f"commit {ours.commit} of {ours.committed_at}: expected one that is newer than what is "
        f"deployed, which is {deployed.commit} of {deployed.committed_at}. A newer run was faster; "
        f"to go back on purpose, run with REPLACES={deployed.commit}"
    )


def check_deployed(ours: Revision, deployed: Revision | None) -> None:
    """Refuses to go on when what this run deployed is deployed no more.

    Raises:
        OvertakenError: another revision is.
    """
    if deployed != ours:
        other = "none" if deployed is None else f"{deployed.commit} of {deployed.committed_at}"
        raise OvertakenError(
            f"commit {ours.commit}: expected it to be deployed, because the version was tested on "
            f"it, got {other}. Another run has deployed since; it releases its own version"
        )


@click.command()
@click.option("--outputs", type=click.Path(path_type=Path), required=True, help="Terraform's, now.")
@click.option("--revision", type=click.Path(path_type=Path), required=True, help="bundle.sh's.")
def main(outputs: Path, revision: Path) -> None:
    """Exit code 1 if another run has deployed since this one did."""
    document = read_document(outputs)
    with reading(outputs):
        value = document.get("release", {}).get("value")
    try:
        deployed = Revision.of_output(value, outputs)
        check_deployed(Revision.read(revision), deployed)
    except OvertakenError as error:
        click.echo(f"OVERTAKEN: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
