"""Where the arguments of resources come from, by the plan of a Terraform configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.infra.references import Attribute, is_computed, references

_LOCALS = re.compile(r"^locals \{(.*?)^\}", re.DOTALL | re.MULTILINE)
_LOCAL = re.compile(r"^  (\w+)\s*=(.*?)(?=^  (?:\w+\s*=|#)|\Z)", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"\b(?:var|local|module|data\.google_\w+|google_\w+)(?:\.\w+|\[\w+\])+")


@dataclass(frozen=True)
class _Module:
    """A module as it is called.

    Attributes:
        configuration: Its entry in the plan.
        folder: Folder of its files.
        parent: The module that calls it; None for the root.
        arguments: What it is called with.
    """

    configuration: Mapping[str, Any]
    folder: Path
    parent: _Module | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def called(self) -> Mapping[str, _Module]:
        return {
            name: _Module(call["module"], self.folder / call["source"], self, call["expressions"])
            for name, call in self.configuration.get("module_calls", {}).items()
        }

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        return {resource["address"]: resource for resource in self.configuration["resources"]}

    @cached_property
    def text(self) -> str:
        paths = sorted(self.folder.glob("*.tf"))
        return "".join(path.read_text(encoding="utf-8") for path in paths)

    @cached_property
    def locals(self) -> Mapping[str, list[str]]:
        """What each local value names: the plan does not have them."""
        return {
            name: _NAME.findall(value)
            for block in _LOCALS.findall(self.text)
            for name, value in _LOCAL.findall(block)
        }


def computed_flows(
    configuration: Mapping[str, Any], schema: Mapping[str, Any], folder: Path
) -> dict[Attribute, set[str]]:
    """Which arguments take what the provider computes, through variables, local values and outputs.

    Args:
        configuration: `configuration` of what `terraform show -json` prints of a plan.
        schema: What `terraform providers schema -json` prints of the one provider.
        folder: Folder of the root module.

    Returns:
        The arguments by the attribute, each such as `google_compute_url_map.default_service`. Where
        the plan only names a resource, because its attribute is behind a key, all attributes count
        that the module takes of it.
    """
    flows: dict[Attribute, set[str]] = {}
    waiting = [_Module(configuration["root_module"], folder)]
    while waiting:
        module = waiting.pop()
        waiting += module.called.values()
        for resource in module.resources.values():
            each = {"for_each": resource.get("for_each_expression", {})}
            for path, name in _names(each | resource.get("expressions", {})):
                for attribute in _sources(module, name, schema, set()):
                    flows.setdefault(attribute, set()).add(f"{resource['type']}.{path}")
    return flows


def _names(expression: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The path of each argument, and each name in its expression."""
    if isinstance(expression, list):
        for element in expression:
            yield from _names(element, path)
    elif isinstance(expression, dict):
        for key, inner in expression.items():
            if key == "references":
                # Terraform names the resource of an attribute beside it.
                longer = {name for name in inner if not _is_longer(inner, name)}
                yield from ((path, name) for name in sorted(longer))
            else:
                yield from _names(inner, f"{path}.{key}".strip("."))


def _is_longer(names: list[str], name: str) -> bool:
    return any(other.startswith((f"{name}.", f"{name}[")) for other in names)


def _sources(
    module: _Module, name: str, schema: Mapping[str, Any], seen: set[tuple[Path, str]]
) -> Iterator[Attribute]:
    if (module.folder, name) in seen:
        return
    seen.add((module.folder, name))
    for within, inner in _behind(module, re.sub(r"\[[^\]]*\]", "", name).split(".")):
        yield from _sources(within, inner, schema, seen)
    for attribute in _attributes(module, name):
        if _expression(module, attribute) is None and is_computed(schema, attribute):
            yield attribute


def _behind(module: _Module, parts: list[str]) -> Iterator[tuple[_Module, str]]:
    """What a name stands for: other names, each with the module in which it means something."""
    kind, *rest = parts
    if kind == "local":
        yield from ((module, name) for name in module.locals.get(rest[0], []))
    elif kind == "var" and module.parent is not None:
        argument = module.arguments.get(rest[0], {})
        yield from ((module.parent, name) for _, name in _names(argument))
    elif kind == "module":
        called = module.called[rest[0]]
        outputs = called.configuration.get("outputs", {})
        for output in rest[1:2] or outputs:
            found = _names(outputs.get(output, {}).get("expression", {}))
            yield from ((called, name) for _, name in found)
    elif kind != "var":
        for attribute in _attributes(module, ".".join(parts)):
            argument = _expression(module, attribute)
            yield from ((module, name) for _, name in _names(argument))


def _attributes(module: _Module, name: str) -> list[Attribute]:
    """The attribute that a name is of; of a resource as such, those that the module takes."""
    return list(references(name)) or [
        attribute for attribute in references(module.text) if attribute.address == name
    ]


def _expression(module: _Module, attribute: Attribute) -> Any:
    """What the configuration gives an attribute; None for nothing."""
    found: Any = module.resources[attribute.address].get("expressions", {})
    for name in attribute.names:
        # A block is a list of one, and may be given by a dynamic block, which Terraform leaves out.
        found = found[0] if isinstance(found, list) and found else found
        found = found.get(name) if isinstance(found, dict) else None
    return found
