"""A command is run again while Google does not know what was made a moment ago, and only then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from delivery.retry import reasons_to_wait
from tests.support.places import ROOT

METRIC = """
\x1b[31m╷\x1b[0m
\x1b[31m│\x1b[0m \x1b[1m\x1b[31mError: \x1b[0mError creating AlertPolicy: googleapi: Error 404: Cannot find metric(s) that match type = "logging.googleapis.com/user/loads". If a metric was created recently, it could take up to 10 minutes to become available. Please try again soon.
│
│   with module.monitoring[0].google_monitoring_alert_policy.metric["digits load_failures"],
│   on modules/monitoring/alerts.tf line 188, in resource "google_monitoring_alert_policy" "metric":
╵
"""  # noqa: E501
BUILD = """
Error: Error waiting to create function: Error waiting for Creating function: Error code 13, message: Build failed with status: FAILURE and message: failed to Fetch: failed to download archive gs://gcf-v2-sources-594424405950-us-central1/digits/function-source.zip: Access to bucket gcf-v2-sources-594424405950-us-central1 denied. You must grant Storage Object Viewer permission to functions-build-dev@p.iam.gserviceaccount.com. If you are using VPC Service Controls, you must also grant it access to your service perimeter.

  with module.function["digits"].google_cloudfunctions2_function.function,
"""  # noqa: E501
API = """
Error: Error creating Service: googleapi: Error 403: Cloud Monitoring API has not been used in
project 594424405950 before or it is disabled. Enable it by visiting https://console… then retry.
If you enabled this API recently, wait a few minutes for the action to propagate to our systems
and retry.
"""
ACCOUNT = """
Error: Error applying IAM policy for storage bucket "b/example-models": Error setting IAM policy:
googleapi: Error 400: Service account function-digits@p.iam.gserviceaccount.com does not exist.,
invalid
"""
CODE = """
Error: Error waiting to create function: Error waiting for Creating function: Error code 3,
message: Build failed with status: FAILURE and message: ERROR: No matching distribution found
"""


@pytest.mark.parametrize(
    ("told", "reasons"),
    [
        (METRIC, ["a log-based metric that was made"]),
        (BUILD, ["the right of the build's account to read the source"]),
        (API, ["an API that was enabled"]),
        (ACCOUNT, ["an account that was made"]),
        (METRIC + BUILD + METRIC, 2 * [...]),
        (CODE, []),
        (METRIC + CODE, []),
        ("Killed", []),
        ("", []),
    ],
    ids=["metric", "build", "api", "account", "several", "code", "one of two", "killed", "none"],
)
def test_only_what_google_does_not_know_yet_is_waited_for(told: str, reasons: list[object]) -> None:
    found = reasons_to_wait(told)
    assert len(found) == len(reasons)
    assert ... in reasons or found == reasons


@pytest.mark.parametrize(
    ("told", "fails", "attempts", "code"),
    [
        (BUILD, 0, 1, 0),
        (BUILD, 2, 3, 0),
        (BUILD, 9, 3, 7),
        (CODE, 9, 1, 7),
    ],
    ids=["at once", "the third time", "never", "would not help"],
)
def test_a_command_is_run_until_waiting_does_not_help(
    tmp_path: Path, told: str, fails: int, attempts: int, code: int
) -> None:
    (tmp_path / "told").write_text(told)
    script = f'echo "$ATTEMPT" >>runs; [ "$ATTEMPT" -gt {fails} ] || {{ cat told >&2; exit 7; }}'
    done = run(tmp_path, "bash", "-c", script, ATTEMPTS="3", RETRY_SECONDS="0")
    assert done.returncode == code
    assert (tmp_path / "runs").read_text().split() == [str(n + 1) for n in range(attempts)]
    assert done.stderr.count(told) == attempts - (not code)
    assert ("after 3 runs" in done.stderr) == (attempts == 3 and code == 7)


def test_a_command_that_writes_no_text_is_not_cut_short(tmp_path: Path) -> None:
    script = r"printf '\xff\n' >&2; echo done >over; exit 3"
    done = run(tmp_path, "bash", "-c", script, ATTEMPTS="3", RETRY_SECONDS="0")
    assert (done.returncode, (tmp_path / "over").read_text()) == (3, "done\n")


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        ([], {}, "expected a command"),
        (["true"], {"ATTEMPTS": "0"}, "ATTEMPTS: expected a whole number of at least 1, got '0'"),
        (["true"], {"RETRY_SECONDS": "1m"}, "RETRY_SECONDS: expected a whole number"),
    ],
    ids=["no command", "no attempt", "a unit"],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], told: str
) -> None:
    done = run(tmp_path, *arguments, **variables)
    assert done.returncode == 2
    assert told in done.stderr


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "delivery.retry", *command],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
