"""Which functions are deployed, and what each of them serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from tflite_serving.contract.codec import ContractError
from tflite_serving.settings import ModelRef

TIMEOUT_SECONDS = 60.0


class SmokeError(Exception):
    """The deployed function is not what was released; the message says in what."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One function, as Terraform's outputs tell it.

    Attributes:
        name: Name of the function.
        urls: Its own URLs, one for each of its regions; none in a plan that is to make it.
        models: Entries of its setting `MODELS`; none if its bundle carries the models.
        digest: sha256 of the bundle that it runs; None where Terraform does not set it.
    """

    name: str
    urls: tuple[str, ...]
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
        # Which regions there are, not every state tells.
        functions = outputs.get("functions", {}).get("value", {})
        return [
            Deployed(
                name,
                tuple(_regions(functions, name).values()) or tuple(filter(None, [urls.get(name)])),
                # One whose bundle carries its models names none, and follows no alias.
                tuple(map(ModelRef.parse, filter(None, environment.get("MODELS", "").split(",")))),
                environment.get("BUNDLE_DIGEST"),
            )
            for name, environment in outputs["environments"]["value"].items()
        ]
    except (LookupError, TypeError, AttributeError, ContractError):
        raise SmokeError(
            "outputs: expected urls, environments and functions, as infra/outputs.tf has them"
        ) from None


def _regions(functions: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """The URL of a function in each of its regions."""
    found: Mapping[str, str] = functions.get(name, {}).get("regions") or {}
    return found


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


def told(answer: requests.Response) -> str:
    """Status and text of an answer, short enough for a message."""
    text = " ".join(answer.text.split())[:300]
    return f"{answer.status_code} {text}"
