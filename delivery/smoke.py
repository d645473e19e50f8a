"""Asks a deployed function what its users will: is it ready, right, and closed to strangers?

The golden examples of the released version are sent to each function that serves its alias, and the
answers are compared with the Keras model's own, within the tolerance that the export measured.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import requests

from delivery.deployed import (
    IAM_CREDENTIALS,
    TIMEOUT_SECONDS,
    SmokeError,
    identity_token,
    serving,
    told,
)
from model_export.errors import ExportError, ParityError
from model_export.parity.answers import Answers, OtherVersionError, answers_of
from model_export.parity.asking import ask
from model_export.parity.comparing import differences
from model_export.parity.questions import golden_examples, golden_questions
from model_export.registry.verbs import open_registry, read_version
from tflite_serving.contract.golden import GoldenExamples
from tflite_serving.contract.manifest import Manifest

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0


class NotYetError(SmokeError):
    """It may become right by itself: roles and aliases take a while to arrive."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the functions must answer.

    Attributes:
        manifest: of the released version.
        golden: its examples.
    """

    manifest: Manifest
    golden: GoldenExamples

    def check(self, served: Answers) -> None:
        """Raises `SmokeError` if an answer is further from the reference's than was measured."""
        reference = answers_of(self.manifest, self.golden.outputs)
        for output, gaps in differences(reference, served).items():
            slack = np.broadcast_to(self.golden.tolerance[output], gaps.shape)
            beyond = np.argwhere(~(gaps <= slack))  # a NaN is beyond, too
            if len(beyond):
                row, value = beyond[0]
                raise SmokeError(
                    f"{self.golden.ids[row]}: expected the reference's {output} within "
                    f"{slack[row, value]:.4g}, got one {gaps[row, value]:.4g} away"
                )


@dataclass(frozen=True, slots=True)
class Target:
    """One function, and how it is asked.

    Attributes:
        name: of the function.
        url: where it is asked.
        token: identity token that is shown to it.
    """

    name: str
    url: str
    token: str

    def ready(self) -> None:
        """Raises `NotYetError` unless every model is loaded."""
        answer = self._ask("GET", "/v2/health/ready")
        if answer.status_code != 200:
            raise NotYetError(f"/v2/health/ready: expected 200, got {told(answer)}")

    def follows(self, manifest: Manifest) -> None:
        """Raises `NotYetError` unless the alias has arrived.

        The version before may take other inputs, and refuse what is asked of this one.
        """
        answer = self._ask("GET", f"/v1/models/{manifest.name}")
        try:
            version = answer.json()["model_version_status"][0]["version"]
        except (ValueError, LookupError, TypeError):
            version = told(answer)
        if version != manifest.version:
            raise NotYetError(f"expected the version {manifest.version}, got {version}")

    def predict(self, expected: Expected) -> None:
        """Raises `SmokeError` unless the answer is the expected one."""
        questions = golden_questions(expected.golden)
        try:
            expected.check(ask(expected.manifest, questions.inputs, self._post))
        except OtherVersionError as error:
            # Of another instance, which the alias has yet to reach.
            raise NotYetError(str(error)) from None
        except ParityError as error:
            raise SmokeError(str(error)) from None

    def refuses_strangers(self) -> None:
        """Raises `SmokeError` if it answers somebody without a token."""
        answer = self._ask("GET", "/v2/health/ready", anonymous=True)
        if answer.status_code in (401, 403):
            return
        kind = NotYetError if answer.status_code >= 429 else SmokeError
        raise kind(f"without a token: expected 401 or 403, got {told(answer)}")

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        answer = self._ask("POST", path, body)
        if answer.status_code >= 429:
            raise NotYetError(f"{path}: expected 200, got {told(answer)}")
        return answer.status_code, answer.content

    def _ask(
        self, method: str, path: str, body: bytes | None = None, *, anonymous: bool = False
    ) -> requests.Response:
        headers = {"Content-Type": "application/json"}
        if not anonymous:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            return requests.request(
                method,
                f"{self.url}{path}",
                data=body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NotYetError(f"{self.url}{path}: {error}") from None


def eventually(check: Callable[[], None], deadline: float) -> None:
    """Checks until it is right or wrong for good, at most until the deadline.

    Args:
        check: raises `NotYetError` while there is hope.
        deadline: by `time.monotonic`.
    """
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            check()
        except NotYetError:
            if time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            return


def smoke(target: Target, expected: Expected, deadline: float, *, anonymous: str) -> None:
    """All that is asked of one function.

    Args:
        target: the function.
        expected: what it must answer.
        deadline: by `time.monotonic`.
        anonymous: "refused", or "answered" for a function that is public on purpose.

    Raises:
        SmokeError: it is not what was released.
    """
    eventually(target.ready, deadline)
    eventually(lambda: target.follows(expected.manifest), deadline)
    eventually(lambda: target.predict(expected), deadline)
    if anonymous == "refused":
        eventually(target.refuses_strangers, deadline)


def _expected(registry: str, model: str, version: str) -> Expected:
    store = open_registry(registry)
    manifest = read_version(store, model, version)
    return Expected(manifest, golden_examples(store, manifest))


def _back(released: Mapping[str, Any], registry: str) -> Sequence[str]:
    if released["before"] is None:
        return []
    before, alias = released["before"], released["alias"]
    command = (
        f"python -m delivery.release RECIPE --to {registry} --alias {alias} --version {before}"
    )
    return [f"To go back to {before}, run with VERSION={before}, or at once:", f"  {command}"]


@click.command()
@click.option("--outputs", type=click.Path(path_type=Path), required=True, help="Terraform's.")
@click.option("--released", type=click.Path(path_type=Path), required=True, help="publish.sh's.")
@click.option("--registry", required=True, help="URI of the registry that is served from.")
@click.option("--account", required=True, help="Whose identity token is shown.")
@click.option("--url", default="", help="Where to ask; the function's own URL by default.")
@click.option("--anonymous", type=click.Choice(["refused", "answered"]), default="refused")
@click.option("--patience", type=float, default=300.0, help="Seconds that all of it may take.")
@click.option("--iam-credentials", default=IAM_CREDENTIALS, help="Where tokens come from.")
def main(
    outputs: Path,
    released: Path,
    registry: str,
    account: str,
    url: str,
    anonymous: str,
    patience: float,
    iam_credentials: str,
) -> None:
    """Ask every function that serves the released alias; exit code 1 if one is wrong."""
    deadline = time.monotonic() + patience
    done = json.loads(released.read_text(encoding="utf-8"))
    try:
        expected = _expected(registry, done["model"], done["version"])
        functions = serving(
            json.loads(outputs.read_text(encoding="utf-8")), done["model"], done["alias"]
        )
        for name, own in functions.items():
            token = identity_token(account, own, iam_credentials)
            smoke(Target(name, url or own, token), expected, deadline, anonymous=anonymous)
            click.echo(f"{name}: ready, right about {len(expected.golden.ids)} golden examples")
    except (SmokeError, ExportError) as error:
        click.echo(f"SMOKE TEST FAILED: {error}", err=True)
        for line in _back(done, registry):
            click.echo(line, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
