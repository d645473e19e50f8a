"""Expressions of IAM, workload identity and Cloud Armor, evaluated by a library for CEL.

What Google adds to the language is written down here as its documentation has it:
https://cloud.google.com/iam/docs/conditions-attribute-reference and
https://cloud.google.com/armor/docs/rules-language-reference
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

_TEMPLATE = re.compile(r"([^{]*)\{\w*\}(.*)", re.DOTALL)


def holds(expression: str, attributes: Mapping[str, Any]) -> bool:
    """Whether an expression is true; one that cannot be evaluated grants and matches nothing.

    Args:
        expression: The expression, as Terraform renders it.
        attributes: What it may refer to, as JSON; under `api`, attributes by their name.

    Raises:
        celpy.CELParseError: It is no CEL.
    """
    environment = celpy.Environment()
    program = environment.program(environment.compile(expression), functions=dict(_FUNCTIONS))
    try:
        result = program.evaluate({name: json_to_cel(value) for name, value in attributes.items()})
    except CELEvalError:
        return False
    assert isinstance(result, celtypes.BoolType), f"expected a condition, got {result!r}"
    return bool(result)


def _extract(value: celtypes.StringType, template: celtypes.StringType) -> celtypes.StringType:
    """The text between the first prefix and the next suffix; empty if they are not there."""
    matched = _TEMPLATE.fullmatch(template)
    assert matched, f"expected one place in {template!r}"
    prefix, suffix = matched.groups()
    start = value.find(prefix)
    end = value.find(suffix, start + len(prefix)) if suffix else len(value)
    if start < 0 or end < 0:
        return celtypes.StringType("")
    return celtypes.StringType(value[start + len(prefix) : end])


def _get_attribute(
    api: celtypes.MapType, name: celtypes.StringType, default: celtypes.Value
) -> celtypes.Value:
    """The attribute of a request, or what is given for requests without it."""
    return api.get(name, default)


def _has_only(values: celtypes.ListType, allowed: celtypes.ListType) -> celtypes.BoolType:
    """Whether nothing else is in a list."""
    return celtypes.BoolType(all(value in allowed for value in values))


def _evaluate_preconfigured_waf(
    rules: celtypes.StringType, options: celtypes.MapType
) -> celtypes.BoolType:
    """Google's own rules match nothing here: what they match is Google's."""
    assert re.fullmatch(r"[a-z0-9-]+-(?:stable|canary)", rules), rules
    assert set(options) == {"sensitivity"}
    return celtypes.BoolType(False)  # noqa: FBT003


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "extract": _extract,
    "getAttribute": _get_attribute,
    "hasOnly": _has_only,
    "evaluatePreconfiguredWaf": _evaluate_preconfigured_waf,
}
