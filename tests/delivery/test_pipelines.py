"""cloudbuild.yaml and the GitHub workflows: valid, pinned, documented, and the same."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.places import ROOT
from tests.support.programs.installed import find_program

CLOUD_BUILD = ROOT / "cloudbuild.yaml"
ROLLBACK = ROOT / "cloudbuild-rollback.yaml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
SCRIPTS = sorted((ROOT / "delivery").glob("*.sh"))
DOCUMENT = ROOT / "docs" / "9-delivery.md"
# Google gives these to every build.
BUILT_IN = {"PROJECT_ID", "BUILD_ID", "LOCATION"}


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def steps(path: Path = CLOUD_BUILD) -> list[dict[str, Any]]:
    return list(read(path)["steps"])


def script(step: dict[str, Any]) -> str:
    return str(step["args"][0])


def substituted(path: Path = CLOUD_BUILD) -> set[str]:
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    return set(re.findall(r"\$\{?([A-Z_]+)\}?", text)) - BUILT_IN


def documented() -> dict[str, str]:
    text = DOCUMENT.read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(_[A-Z_]+)` \| (.*?) \|", text, re.MULTILINE))


def delivering(path: Path) -> list[str]:
    """Scripts of delivery/ that a workflow runs, in order."""
    jobs = read(path)["jobs"].values()
    lines = [step.get("run", "") for job in jobs for step in job.get("steps", [])]
    return [line for line in lines if line.startswith("delivery/")]


def checked(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_cloud_build_takes_the_files() -> None:
    schema = ("--builtin-schema", "vendor.cloudbuild")
    checked(sys.executable, "-m", "check_jsonschema", *schema, str(CLOUD_BUILD), str(ROLLBACK))


def test_github_takes_the_workflows() -> None:
    checked(find_program("actionlint"), *map(str, WORKFLOWS))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(path: Path) -> None:
    checked(str(Path(sys.executable).parent / "shellcheck"), "--external-sources", str(path))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_each_script_says_what_it_reads_and_how_it_ends(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = text[: text.index("\nset -") if "\nset -" in text else text.index("\n\ncd ")]
    assert re.search(r"^# (Environment|Leaves): ", header, re.MULTILINE)
    assert "# Exit codes: " in header


def test_each_script_runs_in_a_step() -> None:
    for step in steps():
        path = ROOT / script(step)
        assert path.stat().st_mode & 0o111, f"{path} is not executable"
        (shebang, *_) = path.read_text(encoding="utf-8").splitlines()
        assert shebang.endswith(step["entrypoint"])
    ran = {script(step) for path in (CLOUD_BUILD, ROLLBACK) for step in steps(path)}
    ran.remove(".venv/.ready")
    assert ran == {f"delivery/{path.name}" for path in SCRIPTS if path.name != "settings.sh"}


def test_builds_run_as_an_account_of_their_own_and_log_to_cloud_logging() -> None:
    build = read(CLOUD_BUILD)
    assert re.fullmatch(
        r"projects/\$PROJECT_ID/serviceAccounts/delivery-.*", build["serviceAccount"]
    )
    assert build["options"]["logging"] == "CLOUD_LOGGING_ONLY"
    assert build["options"]["substitutionOption"] == "MUST_MATCH"


def test_accounts_and_buckets_are_those_that_terraform_makes() -> None:
    module = (ROOT / "infra/modules/delivery/main.tf").read_text(encoding="utf-8")
    text = CLOUD_BUILD.read_text(encoding="utf-8")
    accounts = re.findall(r'account_id += "(\w+)-\$\{var\.environment\}"', module)
    assert set(re.findall(r"(\w+)-\$\{_ENVIRONMENT\}@", text)) == set(accounts)
    buckets = re.findall(r'_bucket += "\$\{var\.project_id\}-(\w+)"', module)
    assert set(re.findall(r"_BUCKET: \$\{PROJECT_ID\}-(\w+)", text)) == set(buckets)


def test_every_step_ends_in_time() -> None:
    for build in (read(CLOUD_BUILD), read(ROLLBACK)):
        most = int(build["timeout"].removesuffix("s"))
        assert all(0 < int(step["timeout"].removesuffix("s")) <= most for step in build["steps"])
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            if "uses" in job:
                continue
            assert job["timeout-minutes"] > 0, f"{path.name}: {name}"


def test_images_are_variables_that_the_first_step_checks() -> None:
    build = read(CLOUD_BUILD)
    images = {step["name"] for step in build["steps"]}
    first = build["steps"][0]
    assert script(first) == "delivery/pinned.sh"
    assert {line.partition("=")[2] for line in first["env"]} == images
    assert all(re.fullmatch(r"\$\{_[A-Z]+_IMAGE\}", image) for image in images)
    # One that is written down here would be out of date soon, and nobody would see it.
    assert not {image.strip("${}") for image in images} & set(build["substitutions"])
    assert all("pinned" in step["waitFor"] or step["waitFor"] for step in build["steps"][1:])


def test_every_substitution_is_used_declared_and_documented() -> None:
    declared = read(CLOUD_BUILD)["substitutions"]
    rows = documented()
    assert substituted() == set(rows)
    assert set(declared) == {name for name, default in rows.items() if default != "required"}
    for name, default in declared.items():
        assert rows[name] in (f"`{default}`", "none" if default == "" else None)


def test_triggers_substitute_what_there_is() -> None:
    module = (ROOT / "infra/modules/delivery/trigger.tf").read_text(encoding="utf-8")
    given = set(re.findall(r"^      (_[A-Z_]+) +=", module, re.MULTILINE))
    required = {name for name, default in documented().items() if default == "required"}
    assert required <= given <= substituted()


def test_every_variable_of_a_script_comes_from_both_pipelines() -> None:
    build = read(CLOUD_BUILD)
    cloud = {line.partition("=")[0] for line in build["options"]["env"]}
    github = set(read(ROOT / ".github/workflows/deliver.yaml")["jobs"]["deliver"]["env"])
    ours = {"BUILD_ID", "LOCATION", "TOOLS"}  # of Cloud Build alone
    assert cloud - ours == github - {"GH_TOKEN"}


def test_both_pipelines_take_the_same_steps_in_the_same_order() -> None:
    github = delivering(ROOT / ".github/workflows/deliver.yaml")
    assert delivering(ROOT / ".github/workflows/test.yaml") == ["delivery/test.sh"]
    cloud = [script(step) for step in steps()]
    # GitHub tests in a job of its own, without credentials; actions bring its tools.
    others = ("pinned", "tools", "test")
    assert github == [step for step in cloud if Path(step).stem not in others]
    wanted = ("test", "export", "gate", "publish", "bundle", "attest", "plan", "policy", "apply")
    released = ("candidate", "release", "smoke")  # after everything else
    assert [Path(step).stem for step in cloud][-len(released) :] == list(released)
    assert [Path(step).stem for step in cloud if Path(step).stem in wanted] == list(wanted)


def test_each_step_of_a_release_waits_for_the_one_before() -> None:
    waits = {step["id"]: step.get("waitFor", []) for step in steps()}
    order = "gate publish bundle attest plan policy apply candidate release smoke"
    for before, after in pairwise(order.split()):
        assert before in waits[after]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_rights_are_asked_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (?!\./)(.*)", text)
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in used)
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    writers = [job for job in workflow["jobs"].values() if "write" in str(job.get("permissions"))]
    assert all(job["permissions"]["id-token"] == "write" for job in writers)
    assert all(list(job["permissions"].values()).count("write") == 1 for job in writers)


def test_github_asks_for_prod_and_delivers_one_after_the_other() -> None:
    workflow = read(ROOT / ".github/workflows/deliver.yaml")
    job = workflow["jobs"]["deliver"]
    assert job["environment"] == job["env"]["ENVIRONMENT"]
    assert "'tag' && 'prod'" in job["environment"]
    assert workflow["concurrency"]["cancel-in-progress"] is False
    assert job["needs"] == "test"


def test_a_rollback_runs_as_an_account_of_its_own_and_waits_for_nobody() -> None:
    build, workflow = read(ROLLBACK), read(ROOT / ".github/workflows/rollback.yaml")
    module = (ROOT / "infra/modules/delivery/rollback.tf").read_text(encoding="utf-8")
    assert 'account_id   = "rollback-${var.environment}"' in module
    assert build["serviceAccount"].endswith(
        "/rollback-${_ENVIRONMENT}@$PROJECT_ID.iam.gserviceaccount.com"
    )
    # A delivery that waits for its approval would hold it back.
    assert "concurrency" not in workflow
    job = workflow["jobs"]["rollback"]
    assert job["environment"] == "${{ inputs.environment }}-rollback"
    assert "approved" not in ROLLBACK.read_text(encoding="utf-8") + str(job)
    assert delivering(ROOT / ".github/workflows/rollback.yaml") == ["delivery/rollback.sh"]


def test_a_rollback_knows_the_model_and_the_registry_of_its_delivery() -> None:
    """Every variable that `rollback.sh` reads, from both pipelines and as the delivery has it."""
    header = (ROOT / "delivery" / "rollback.sh").read_text(encoding="utf-8").partition("\nset ")[0]
    read_by_it = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)?\b", header.partition("Environment:")[2]))
    build, workflow = read(ROLLBACK), read(ROOT / ".github/workflows/rollback.yaml")
    cloud = dict(line.split("=", 1) for line in build["options"]["env"])
    github = workflow["jobs"]["rollback"]["env"]
    assert set(cloud) == set(github) == read_by_it | {"GOOGLE_CLOUD_PROJECT"}
    delivery = read(ROOT / ".github/workflows/deliver.yaml")["jobs"]["deliver"]["env"]
    assert all(github[name] == delivery[name] for name in github if name != "GOOGLE_CLOUD_PROJECT")
    module = (ROOT / "infra/modules/delivery/rollback.tf").read_text(encoding="utf-8")
    (passed_on,) = re.findall(r"contains\((\[.*?\]), name\)", module)
    assert set(re.findall(r"_([A-Z_]+)", passed_on)) == read_by_it - {"VERSION"}


def test_a_rollback_substitutes_what_its_trigger_gives() -> None:
    declared = set(read(ROLLBACK)["substitutions"])
    module = (ROOT / "infra/modules/delivery/rollback.tf").read_text(encoding="utf-8")
    given = set(re.findall(r"^      (_[A-Z_]+) +=", module, re.MULTILINE))
    (more,) = re.findall(r"contains\((\[.*?\]), name\)", module)
    assert given | set(re.findall(r"_[A-Z_]+", more)) <= substituted(ROLLBACK)
    assert declared | {"_PYTHON_IMAGE"} == substituted(ROLLBACK) <= set(documented())
