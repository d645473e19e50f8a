"""Which functions are deployed, and the token that opens them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from tflite_serving.settings import ModelRef

IAM_CREDENTIALS = "https://iamcredentials.googleapis.com"
TIMEOUT_SECONDS = 60.0


class SmokeError(Exception):
    """The deployed function is not what was released; the message says in what."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One function, as Terraform's outputs tell it.

    Attributes:
        name: Name of the function.
        url: Its own URL.
        models: Entries of its setting `MODELS`; none if its bundle carries the models.
        digest: sha256 of the bundle that it runs; None where Terraform does not set it.
    """

    name: str
    url: str
    models: tuple[ModelRef, ...]
    digest: str | None = None

    def serves(self, model: str, alias: str) -> bool:
        """Whether it follows an alias of a model."""
        return ModelRef(model, alias) in self.models


def deployed(outputs: Mapping[str, Any]) -> list[Deployed]:
    """All functions of an environment.

    Args:
        outputs: As `terraform output -json` prints them, or those that a plan expects.

    Raises:
        SmokeError: they are not those of infra/.
    """
    try:
        # A plan does not know the URL of a function that it is to make.
        urls = outputs["urls"].get("value", {})
        environments = outputs["environments"]["value"]
    except (LookupError, TypeError, AttributeError):
        raise SmokeError("outputs: expected urls and environments, as infra/ has them") from None
    return [
        Deployed(
            name,
            urls.get(name, ""),
            # One whose bundle carries its models names none, and follows no alias.
            tuple(map(ModelRef.parse, filter(None, environment.get("MODELS", "").split(",")))),
            environment.get("BUNDLE_DIGEST"),
        )
        for name, environment in environments.items()
    ]


def serving(outputs: Mapping[str, Any], model: str, alias: str) -> list[Deployed]:
    """The functions that serve an alias of a model.

    Args:
        outputs: The document that `terraform output -json` prints.
        model: Name of the model.
        alias: Alias of the model.

    Raises:
        SmokeError: there is none.
    """
    found = [function for function in deployed(outputs) if function.serves(model, alias)]
    if not found:
        raise SmokeError(f"no function of this environment serves {model}@{alias}; see its tfvars")
    return found


def testable(outputs: Mapping[str, Any], model: str, alias: str, candidate: str) -> list[Deployed]:
    """The functions that serve an alias of a model, each of which can be asked for a candidate.

    Args:
        outputs: As `deployed` takes them.
        model: Name of the model.
        alias: Alias that clients follow.
        candidate: Alias of versions that are to be tested.

    Raises:
        SmokeError: there is none, or one does not serve the candidate.
    """
    functions = serving(outputs, model, alias)
    for function in functions:
        if not function.serves(model, candidate):
            raise SmokeError(
                f"{function.name}: expected {model}@{candidate} among its models beside "
                f"{model}@{alias}, because a version is asked by its id before clients get it, got "
                f"{', '.join(map(str, function.models))}: add it in infra/environments/"
            )
    return functions


def check_first(functions: Sequence[Deployed], model: str, candidate: str) -> None:
    """Refuses functions that answer with a candidate whoever names no alias.

    Args:
        functions: Functions that serve the model.
        model: Name of the model.
        candidate: Alias of versions that are to be tested.

    Raises:
        SmokeError: of one, the model's first entry is the candidate.
    """
    for function in functions:
        first = next(ref for ref in function.models if ref.name == model)
        if first == ModelRef(model, candidate):
            raise SmokeError(
                f"{function.name}: expected {first} behind the alias that clients follow, got "
                f"{', '.join(map(str, function.models))}: the first entry of a model answers those "
                "who name no alias, and nobody has tested the candidate; see infra/environments/"
            )


def check_url(url: str, functions: Sequence[Deployed]) -> None:
    """Refuses a place where an identity token must not go, or where only one function can be.

    Args:
        url: Where to ask in place of the functions' own URLs.
        functions: Functions that would be asked there.

    Raises:
        SmokeError: it is no https:// name (http:// on this machine alone), has more than a path, or
            stands for several functions.
    """
    parts = urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    has_more = parts.username is not None or parts.query or parts.fragment
    if not (parts.hostname and (parts.scheme == "https" or is_local)) or has_more:
        raise SmokeError(
            "SMOKE_URL: expected https://NAME, without a user, a query or a fragment, because an "
            f"identity token is sent there, got {parts.scheme}://{parts.hostname or ''}"
        )
    if len(functions) > 1:
        names = ", ".join(function.name for function in functions)
        raise SmokeError(
            f"SMOKE_URL: expected one function behind it, got {names}: one URL cannot be each of "
            "them; leave it empty, so that each is asked at its own"
        )


def audience(outputs: Mapping[str, Any], function: Deployed, url: str) -> str:
    """What an identity token must be made out to, for a function that is asked somewhere.

    Args:
        outputs: The document that `terraform output -json` prints.
        function: The function.
        url: Where it is asked: its own URL, or a public name in front of it, without a slash at its
            end.
    """
    # Of a service in several regions the nearest one answers, which knows its own URL and its
    # public names, and not the URL of another region.
    known: Mapping[str, str] = outputs.get("audiences", {}).get("value", {})
    return known.get(url, function.url)


def identity_token(account: str, audience: str, endpoint: str) -> str:
    """An identity token of an account that we may make tokens of.

    Args:
        account: email of the service account.
        audience: what the token is made out to; see `audience`.
        endpoint: of the IAM Service Account Credentials API.

    Raises:
        SmokeError: there are no credentials, or they may not.
    """
    # Slow to import, and the rest of the smoke test does without.
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession

    try:
        credentials, _ = google.auth.default(
            scopes=["https://www.googleapis.com/auth/cloud-platform"]
        )
        answer = AuthorizedSession(credentials).post(  # type: ignore[no-untyped-call]
            f"{endpoint}/v1/projects/-/serviceAccounts/{account}:generateIdToken",
            json={"audience": audience, "includeEmail": True},
            timeout=TIMEOUT_SECONDS,
        )
    except GoogleAuthError as error:
        raise SmokeError(f"no identity token of {account}: {error}") from None
    if answer.status_code != 200:
        raise SmokeError(f"no identity token of {account}: {told(answer)}")
    return str(answer.json()["token"])


def told(answer: requests.Response) -> str:
    """Status and text of an answer, short enough for a message."""
    text = " ".join(answer.text.split())[:300]
    return f"{answer.status_code} {text}"
