"""An apply that Google cut short is finished, and nothing else is done on the occasion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.remainder import more_than_is_left
from tests.delivery.project import bundled, revision
from tests.delivery.steps import Steps
from tests.support.programs.installed import find_program

NOT_YET = "Error: googleapi: Error 400: Service account a@b.iam.gserviceaccount.com does not exist."


def refuse_first(project: Steps, then: str = "true") -> None:
    """Terraform, whose first apply ends as Google's do that is not everywhere yet."""
    terraform = find_program("terraform")
    first = project.folder / "first"
    project.stand_in(
        "terraform",
        f'if [[ "$*" == *" apply "* ]] && [ ! -e {first} ]; then\n'
        f'  touch {first}; {then}; echo "{NOT_YET}" >&2; exit 1\nfi\n'
        f'exec {terraform} "$@"',
    )


def plan(project: Steps, number: int) -> None:
    bundled(project.out, number)
    for step in ("plan", "policy"):
        done = project.run(step)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_google_did_not_know_yet_is_planned_and_applied_again(project: Steps) -> None:
    refuse_first(project)
    plan(project, 1)
    files = [project.out / f"plan.{kind}" for kind in ("tfplan", "txt", "json")]
    allowed = [path.read_bytes() for path in files]
    done = project.run("apply", RETRY_SECONDS="0")
    assert done.returncode == 0, done.stdout + done.stderr
    # What policy.sh allowed stays, also where runs are kept, and the second plan is beside it.
    assert [path.read_bytes() for path in files] == allowed
    (*_, kept) = [call for call in project.calls if call.startswith("gcloud storage cp")]
    names = {Path(path).name for path in kept.split() if Path(path).name.startswith("plan")}
    assert names == {"plan.tfplan", "plan.txt", "plan-2.tfplan", "plan-2.txt"}
    outputs = json.loads((project.out / "outputs.json").read_text())
    assert outputs["bundles"]["value"] == {"staging": "function-1.zip"}


def test_a_plan_of_an_earlier_retry_is_not_taken_for_one_of_this_plan(project: Steps) -> None:
    plan(project, 1)
    for kind in ("tfplan", "txt", "json"):
        (project.out / f"plan-2.{kind}").write_text("of the run before")
    plan(project, 1)
    assert not list(project.out.glob("plan-2.*"))


def test_what_another_run_applied_meanwhile_is_not_taken_back(project: Steps) -> None:
    plan(project, 1)
    assert project.run("apply").returncode == 0
    newer = project.folder / "newer"
    bundled(newer, 3)
    for step in ("plan", "policy"):
        assert project.run(step, OUT=str(newer)).returncode == 0
    terraform = find_program("terraform")
    refuse_first(
        project,
        f"{terraform} -chdir=infra apply -input=false {newer}/plan.tfplan >/dev/null",
    )
    plan(project, 2)
    done = project.run("apply", RETRY_SECONDS="0")
    assert done.returncode == 1
    assert "expected what is left of the plan that was allowed" in done.stderr
    assert f'another run has applied {{"commit": "{revision(3).commit}"' in done.stderr


def document(changes: dict[str, list[str]], before: Any = None, after: Any = None) -> Any:
    return {
        "resource_changes": [
            {"address": address, "change": {"actions": actions}}
            for address, actions in changes.items()
        ],
        "output_changes": {"release": {"before": before, "after": after}},
    }


ALLOWED = document(
    {"new": ["create"], "old": ["update"], "gone": ["delete"], "same": ["no-op"]}, "1", "2"
)


@pytest.mark.parametrize(
    "left",
    [
        {},
        {"new": ["create"], "same": ["no-op"], "seen": ["read"]},
        {"new": ["delete", "create"]},  # it was made, and not whole
        {"old": ["update"], "gone": ["delete"]},
    ],
)
@pytest.mark.parametrize("before", ["1", "2"])
def test_what_is_left_may_be_applied(left: dict[str, list[str]], before: str) -> None:
    assert more_than_is_left(document(left, before, "2"), ALLOWED) == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"same": ["update"]}, "same: update"),
        ({"another": ["create"]}, "another: create"),
        ({"old": ["delete", "create"]}, "old: create+delete"),
        ({"gone": ["update"]}, "gone: update"),
    ],
)
def test_whatever_is_more_is_named(more: dict[str, list[str]], told: str) -> None:
    assert more_than_is_left(document(more, "1", "2"), ALLOWED) == [told]


def test_values_are_those_that_were_allowed() -> None:
    def updated(**after: Any) -> Any:
        plan = document({"old": ["update"]}, "1", "2")
        plan["resource_changes"][0]["change"]["after"] = after
        return plan

    unknown = {"source": [{"bucket": "sources", "generation": None}]}
    known = {"source": [{"bucket": "sources", "generation": 1}]}
    other = {"source": [{"bucket": "others", "generation": 1}]}
    allowed = updated(name="function-1.zip", ingress="ALLOW_INTERNAL_ONLY", build=[unknown])
    assert more_than_is_left(updated(name="function-1.zip", build=[known]), allowed) == []
    assert more_than_is_left(updated(build=[other]), allowed) == ["old: another build"]
    more = updated(name="function-2.zip", ingress="ALLOW_ALL")
    assert more_than_is_left(more, allowed) == ["old: another ingress", "old: another name"]
    assert more_than_is_left(document({}, "1", "3"), document({}, "1", "2")) == ['it is of "3"']


def test_what_is_left_over_beside_its_successor_is_another() -> None:
    def replaced(*actions: str) -> Any:
        plan = document({"old": ["delete"]}, "1", "2")
        plan["resource_changes"][0]["deposed"] = "0a1b"
        plan["resource_changes"] += document({"old": list(actions)})["resource_changes"]
        return plan

    assert more_than_is_left(replaced("no-op"), replaced("no-op")) == []
    assert more_than_is_left(replaced("delete"), replaced("no-op")) == ["old: delete"]
    assert more_than_is_left(document({"new": ["delete"]}, "1", "2"), ALLOWED) == ["new: delete"]


def test_a_state_of_another_run_is_named() -> None:
    assert more_than_is_left(document({}, "3", "2"), ALLOWED) == [
        'another run has applied "3" meanwhile'
    ]
