"""The identity token that opens a function, and where it may be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests

from delivery.deployed import TIMEOUT_SECONDS, Deployed, SmokeError, told

IAM_CREDENTIALS = "https://iamcredentials.googleapis.com"


def public_names(outputs: Mapping[str, Any]) -> Mapping[str, str]:
    """What an identity token must be made out to, for each public name that infra/ leads here.

    Args:
        outputs: The document that `terraform output -json` prints.
    """
    found: Mapping[str, str] = outputs.get("audiences", {}).get("value", {})
    return found


def check_url(url: str, functions: Sequence[Deployed], names: Mapping[str, str]) -> None:
    """Refuses a place where an identity token must not go, or where only one function can be.

    Args:
        url: Where to ask in place of the functions' own URLs, without a slash at its end.
        functions: Functions that would be asked there.
        names: See `public_names`. Where infra/ makes none, somebody else's front is believed.

    Raises:
        SmokeError: it is no https:// name (http:// on this machine alone), has more than a path, is
            none of the public names, or stands for several functions.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # whose text may have a password in it
        raise SmokeError("SMOKE_URL: expected https://NAME, got what is no URL") from None
    is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    has_more = parts.username is not None or parts.query or parts.fragment
    if not (parts.hostname and (parts.scheme == "https" or is_local)) or has_more:
        raise SmokeError(
            "SMOKE_URL: expected https://NAME, without a user, a query or a fragment, because an "
            f"identity token is sent there, got {parts.scheme}://{parts.hostname or ''}"
        )
    if len(functions) > 1:
        told_names = ", ".join(function.name for function in functions)
        raise SmokeError(
            f"SMOKE_URL: expected one function behind it, got {told_names}: one URL cannot be each "
            "of them; leave it empty, so that each is asked at its own"
        )
    own = {each for function in functions for each in function.urls}
    if names and url not in {*names, *own}:
        raise SmokeError(
            f"SMOKE_URL: expected a public name of this environment ({', '.join(names)}), got "
            f"{url}: whoever gets the identity token may call the function with it"
        )


def audience(names: Mapping[str, str], function: Deployed, url: str) -> str:
    """What an identity token must be made out to, for a function that is asked somewhere.

    Args:
        names: See `public_names`.
        function: The function.
        url: Where it is asked: one of its own URLs, or a public name in front of it.
    """
    # Of a service in several regions the nearest one answers a public name. It knows its own URL
    # and the public names, and not the URL of another region.
    if url in names:
        return names[url]
    return url if url in function.urls else next(iter(function.urls), url)


def identity_token(account: str, audience: str, endpoint: str) -> str:
    """An identity token of an account that we may make tokens of.

    Args:
        account: Email of the service account.
        audience: What the token is made out to; see `audience`.
        endpoint: URL of the IAM Service Account Credentials API.

    Raises:
        SmokeError: there are no credentials, they may not, or the API does not answer.
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
        if answer.status_code != 200:
            raise SmokeError(f"no identity token of {account}: {told(answer)}")
        return str(answer.json()["token"])
    except (GoogleAuthError, requests.RequestException) as error:
        raise SmokeError(f"no identity token of {account}: {error}") from None
    except (LookupError, TypeError):
        raise SmokeError(f"no identity token of {account}: got {told(answer)}") from None
