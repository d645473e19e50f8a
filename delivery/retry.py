"""Runs a command again while Google does not yet know what was made a moment ago.

    python -m delivery.retry terraform -chdir=infra apply -auto-approve …

Services, accounts, rights and log-based metrics are known everywhere only minutes after they were
made. The provider does not wait for them, and what it made until then is in the state, so that the
same command goes on from there. A command whose errors are not all of this kind is not run again.

Environment: ATTEMPTS, the most runs (default 5); RETRY_SECONDS between two (default 150, because
Google names ten minutes for metrics). The command finds the number of its run, from 1, in ATTEMPT.
Exit codes: the last run's; 2, a variable has a value that it cannot have, or there is no command.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

# What Google answers, and what it does not know yet.
_NOT_YET_KNOWN = {
    r"If you enabled this API recently, wait a few minutes": "an API that was enabled",
    r"Service account \S+ does not exist": "an account that was made",
    r"iam\.serviceaccounts\.actAs' denied on service account .*\(or it may not exist\)": (
        "an account that was made"
    ),
    r"Access to bucket gcf-v2-sources-\S+ denied\. You must grant Storage Object Viewer": (
        "the right of the build's account to read the source"
    ),
    r"missing permission on the build service account": "the rights of the build's account",
    r"Unable to retrieve the repository metadata for \S+/gcf-artifacts": (
        "the rights of Cloud Functions' own account in a new project"
    ),
    r"Permission denied on Cloud KMS key": "the right of Google's own account to use the key",
    r"Cannot find metric\(?s?\)? that match(?:es)? type = \W?logging\.googleapis\.com/user/": (
        "a log-based metric that was made"
    ),
    r"The metric referenced by the provided filter is unknown": "a log-based metric that was made",
}
_ORNAMENT = re.compile(r"\x1b\[[0-9;]*m|[╷│╵]")
_ERROR = re.compile(r"^\s*Error: ", re.MULTILINE)


def reasons_to_wait(told: str) -> list[str]:
    """What Google does not know yet.

    Args:
        told: Standard error of `terraform apply`.

    Returns:
        A reason for each kind of error; none if there is no error, or one that stays.
    """
    _, *errors = _ERROR.split(_ORNAMENT.sub("", told))
    found = [_reason(" ".join(error.split())) for error in errors]
    reasons = [reason for reason in found if reason is not None]
    return sorted(set(reasons)) if len(reasons) == len(found) else []


def _reason(error: str) -> str | None:
    return next(
        (reason for pattern, reason in _NOT_YET_KNOWN.items() if re.search(pattern, error)), None
    )


def retry(command: Sequence[str], attempts: int, seconds: float) -> int:
    """Runs a command until it succeeds, waiting would not help, or it has run often enough.

    Args:
        command: Program and arguments; its standard error is passed on as it comes.
        attempts: Most runs.
        seconds: Pause between two runs.

    Returns:
        The exit code of the last run.
    """
    for attempt in range(1, attempts + 1):
        code, told = _run(command, attempt)
        reasons = reasons_to_wait(told) if code else []
        if not reasons:
            return code
        why = f"Google does not know yet: {'; '.join(reasons)}"
        if attempt == attempts:
            break
        _tell(f"{why}. Run {attempt + 1} of {attempts} in {seconds:g} s")
        time.sleep(seconds)
    _tell(f"{why}, after {attempts} runs. Look whether it was made; then run this again")
    return code


def _run(command: Sequence[str], attempt: int) -> tuple[int, str]:
    environment = {**os.environ, "ATTEMPT": str(attempt)}
    # A byte that is no text must not end this before the command has ended.
    options: dict[str, Any] = {"text": True, "errors": "replace", "env": environment}
    with subprocess.Popen(command, stderr=subprocess.PIPE, **options) as process:
        lines = []
        for line in process.stderr or []:
            sys.stderr.write(line)
            sys.stderr.flush()
            lines.append(line)
    return process.returncode, "".join(lines)


def _tell(text: str) -> None:
    sys.stderr.write(f"retry: {text}\n")
    sys.stderr.flush()


def _number(environment: Mapping[str, str], name: str, default: str, least: int) -> float:
    text = environment.get(name) or default
    if not re.fullmatch(r"\d{1,5}", text) or int(text) < least:
        _tell(f"{name}: expected a whole number of at least {least}, got '{text}'")
        sys.exit(2)
    return int(text)


def main() -> None:
    """Run the command of the command line, again where waiting helps."""
    command = sys.argv[1:]
    if not command:
        _tell("expected a command, as in: python -m delivery.retry terraform apply")
        sys.exit(2)
    attempts = int(_number(os.environ, "ATTEMPTS", "5", 1))
    sys.exit(retry(command, attempts, _number(os.environ, "RETRY_SECONDS", "150", 0)))


if __name__ == "__main__":
    main()
