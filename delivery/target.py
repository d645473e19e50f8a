"""One deployed function, and the questions that it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from delivery.deployed import TIMEOUT_SECONDS, SmokeError, told
from delivery.expected import Expected
from model_export import OtherVersionError, ParityError, ask, golden_questions
from tflite_serving.contract.manifest import Manifest

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0


class NotYetError(SmokeError):
    """A failure that may pass by itself: roles and aliases take a while to arrive."""


@dataclass(frozen=True, slots=True)
class Target:
    """One function, and how it is asked.

    Attributes:
        url: URL where it is asked.
        token: Identity token that is shown to it.
    """

    url: str
    token: str

    def runs(self, digest: str) -> None:
        """Raises `NotYetError` unless it was built from the bundle with this sha256."""
        answer = self._ask("GET", "/")
        if answer.status_code != 200:
            raise NotYetError(f"/: expected 200, got {told(answer)}")
        try:
            running = answer.json().get("bundle_digest")
        except (ValueError, AttributeError):
            running = told(answer)
        if running != digest:
            raise NotYetError(f"expected the bundle {digest}, got {running}")

    def ready(self) -> None:
        """Raises `NotYetError` unless every model is loaded."""
        answer = self._ask("GET", "/v2/health/ready")
        if answer.status_code != 200:
            raise NotYetError(f"/v2/health/ready: expected 200, got {told(answer)}")

    def serves(self, manifest: Manifest, selector: str) -> None:
        """Raises `NotYetError` unless a version answers.

        The version before may take other inputs, and refuse what is asked of this one.

        Args:
            manifest: Manifest of the version.
            selector: What requests name it by: ``labels/<alias>`` or ``versions/<version>``.
        """
        answer = self._ask("GET", f"/v1/models/{manifest.name}/{selector}")
        try:
            version = answer.json()["model_version_status"][0]["version"]
        except (ValueError, LookupError, TypeError):
            version = told(answer)
        if version != manifest.version:
            raise NotYetError(f"{selector}: expected the version {manifest.version}, got {version}")

    def predict(self, expected: Expected, selector: str) -> None:
        """Raises `SmokeError` unless the golden examples are answered as expected.

        Args:
            expected: What must be answered.
            selector: See `serves`.
        """
        manifest = expected.manifest
        path = f"/models/{manifest.name}/{selector}/predict"

        def post(_: str, body: bytes) -> tuple[int, bytes]:
            answer = self._ask("POST", path, body)
            if answer.status_code >= 429:
                raise NotYetError(f"{path}: expected 200, got {told(answer)}")
            return answer.status_code, answer.content

        questions = golden_questions(expected.golden)
        try:
            expected.check(ask(manifest, questions.inputs, post))
        except OtherVersionError as error:
            # Of another instance, which the alias has yet to reach.
            raise NotYetError(str(error)) from None
        except ParityError as error:
            raise SmokeError(str(error)) from None

    def refuses_strangers(self) -> None:
        """Raises `SmokeError` if it answers somebody without a token."""
        answer = self._ask("GET", "/v2/health/live", anonymous=True)
        if answer.status_code in (401, 403):
            return
        kind = NotYetError if answer.status_code >= 429 else SmokeError
        raise kind(f"without a token: expected 401 or 403, got {told(answer)}")

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
        check: Raises `NotYetError` while there is hope.
        deadline: Time by `time.monotonic`, in seconds.
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
