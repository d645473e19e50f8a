"""Cloud Armor's rules as planned, on requests that must pass or be refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.infra.cel import holds
from tests.support.infra.terraform import applied


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as Cloud Armor sees it.

    Attributes:
        method: Its method.
        headers: Its headers, their names in lower case.
        address: Address of the client.
        region: Two letters; empty where the address is in no known region.
    """

    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-length": "100"})
    address: str = "203.0.113.7"
    region: str = "DE"

    @property
    def attributes(self) -> dict[str, Any]:
        """What rules may refer to."""
        return {
            "request": {"method": self.method, "headers": dict(self.headers), "path": "/predict"},
            "origin": {"ip": self.address, "region_code": self.region},
        }


def planned(infra: Path, **edge: Any) -> Sequence[Mapping[str, Any]]:
    """The rules of a public edge, the first to be asked first."""
    resources = applied(
        infra,
        project_id="example-project",
        environment="staging",
        bundle="main.tf",
        models={"digits": {"models": ["digits"], "ingress": "ALLOW_INTERNAL_AND_GCLB"}},
        monitoring={"enabled": False},
        public_edge={"hosts": {"api.example.com": {"function": "digits"}}, **edge},
    )
    (policy,) = [r["values"] for r in resources if r["type"] == "google_compute_security_policy"]
    return sorted(policy["rule"], key=lambda rule: rule["priority"])


@pytest.fixture(scope="module")
def strict(infra: Path) -> Sequence[Mapping[str, Any]]:
    """Everything that can be refused is, and two networks alone are let in."""
    return planned(
        infra,
        max_request_bytes=1000,
        require_content_length=True,
        allowed_regions=["DE", "FR"],
        allowed_ip_ranges=["203.0.113.0/24", "2001:db8::/32"],
        waf={"sqli-v33-stable": 1, "cve-canary": 2},
    )


@pytest.fixture(scope="module")
def mild(infra: Path) -> Sequence[Mapping[str, Any]]:
    """The defaults, and one region that is denied."""
    return planned(infra, denied_regions=["XX", "FR"])


def answer(rules: Sequence[Mapping[str, Any]], request: Request) -> str:
    """What the first rule that matches does."""
    return next(str(rule["action"]) for rule in rules if matches(rule, request))


def matches(rule: Mapping[str, Any], request: Request) -> bool:
    (match,) = rule["match"]
    for expression in match.get("expr") or []:
        return holds(expression["expression"], request.attributes)
    (config,) = match["config"]
    address = ipaddress.ip_address(request.address)
    return any(
        one == "*" or address in ipaddress.ip_network(one) for one in config["src_ip_ranges"]
    )


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(), "throttle"),
        (Request(address="2001:db8::1"), "throttle"),
        (Request(headers={"content-length": "1000"}), "throttle"),
        (Request(headers={"content-length": "1001"}), "deny(403)"),
        (Request(headers={"content-length": "99999999999999"}), "deny(403)"),
        # A POST of no known length, and a GET that has no body.
        (Request(headers={}), "deny(403)"),
        (Request(headers={"transfer-encoding": "chunked"}), "deny(403)"),
        (Request("GET", headers={}), "throttle"),
        (Request(region="FR"), "throttle"),
        (Request(region="US"), "deny(403)"),
        (Request(region=""), "deny(403)"),
        (Request(region="FRA"), "deny(403)"),
        (Request(address="198.51.100.1"), "deny(403)"),
        (Request(address="2001:db9::1"), "deny(403)"),
    ],
)
def test_a_strict_edge_lets_in_what_it_names(
    strict: Sequence[Mapping[str, Any]], request_: Request, expected: str
) -> None:
    assert answer(strict, request_) == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(), "throttle"),
        (Request(headers={}), "throttle"),
        (Request(headers={"content-length": str(32 * 2**20)}), "throttle"),
        (Request(headers={"content-length": str(32 * 2**20 + 1)}), "deny(403)"),
        # No number: the load balancer refuses it, and no rule fails.
        (Request(headers={"content-length": "many"}), "throttle"),
        (Request(region="FR"), "deny(403)"),
        (Request(region=""), "throttle"),
        (Request(region="FRA"), "throttle"),
        (Request(address="198.51.100.1"), "throttle"),
    ],
)
def test_an_edge_without_options_refuses_what_is_too_long_or_from_a_denied_region(
    mild: Sequence[Mapping[str, Any]], request_: Request, expected: str
) -> None:
    assert answer(mild, request_) == expected


def test_every_rule_of_a_strict_edge_was_asked(strict: Sequence[Mapping[str, Any]]) -> None:
    """Google's own rules match nothing here; that they are asked at all is what is shown."""
    descriptions = [rule["description"] for rule in strict]
    assert descriptions == [
        "Content-Length beyond 1000",
        "POST without Content-Length",
        "From elsewhere than the allowed regions",
        "Preconfigured cve-canary",
        "Preconfigured sqli-v33-stable",
        "At most 600 requests in 60 s from one address",
        "Nobody else",
    ]
