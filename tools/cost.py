"""Monthly prices of functions, alerts and the public edge: the tables of docs/7-deploy.md.

python tools/cost.py --requests 1000000 --milliseconds 10
python tools/cost.py --requests 20000 --milliseconds 40 --functions 3 --alerts all
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# US dollars in regions of tier 1, with request-based billing.
# Source: https://cloud.google.com/run/pricing
_PER_VCPU_SECOND = 0.000024
_PER_GIB_SECOND = 0.0000025
_PER_MILLION_REQUESTS = 0.40
_IDLE_PER_VCPU_SECOND = 0.0000025  # of an instance that is kept (min_instances)
_IDLE_PER_GIB_SECOND = 0.0000025
_FREE_VCPU_SECONDS = 180_000
_FREE_GIB_SECONDS = 360_000
_FREE_REQUESTS = 2_000_000
_BILLED_SECONDS = 0.1  # an instance's time is rounded up to this
_MONTH_HOURS = 730
_MONTH_SECONDS = _MONTH_HOURS * 3600

# Alert policies: from public copies of Google's page of August to November 2026, and not from the
# page itself. Announced before, and not charged: 1.50 a condition and 0.35 a million time series
# (2024), 0.10 a condition (early 2026).
# Source: https://cloud.google.com/stackdriver/pricing
ALERTS_ARE_BILLED_FROM = "2027-09-01"  # "no sooner than"
_PER_METRIC_REFERENCE = 0.35
_PER_MILLION_POINTS = 0.50
_EVALUATIONS = _MONTH_SECONDS / 60  # evaluation_interval of infra/modules/monitoring

# The load balancer and Cloud Armor (Standard), read as above.
# Sources: https://cloud.google.com/load-balancing/pricing, https://cloud.google.com/armor/pricing
_FORWARDING_RULES_PER_HOUR = 0.025  # of up to five together; there are two
_PER_BALANCED_GIB = 0.008  # each way, in the cheaper regions
_PER_ARMOR_POLICY = 5.0
_PER_ARMOR_RULE = 1.0
_PER_MILLION_ARMOR_REQUESTS = 0.75

AlertSet = Literal["essential", "all"]

# How many metrics the policies refer to, however many functions of the same thresholds there are.
# The policies for refusals match log lines, and refer to none.
METRIC_REFERENCES: dict[AlertSet, int] = {"essential": 5, "all": 24}
ARMOR_RULES = 3  # Content-Length, rate, and nobody else


@dataclass(frozen=True, slots=True)
class Load:
    """A month.

    Attributes:
        requests: Requests of the month.
        seconds: Time that an instance takes for one.
        together: Requests that it answers at once.
        kept: Instances that are kept while nobody asks.
        cpu: Processors of an instance.
        gib: Memory of an instance, in GiB.
    """

    requests: int
    seconds: float
    together: int = 1
    kept: int = 0
    cpu: float = 1.0
    gib: float = 0.5

    @property
    def busy_seconds(self) -> float:
        """Billed seconds of instances that answer."""
        rounds = math.ceil(self.seconds / _BILLED_SECONDS - 1e-9)
        return math.ceil(self.requests / self.together) * rounds * _BILLED_SECONDS

    def dollars(self, *, is_free: bool) -> float:
        """The bill.

        Args:
            is_free: Whether the month's free share is still there; others of the same billing
                account may have used it.
        """
        cpu, gib = self.busy_seconds * self.cpu, self.busy_seconds * self.gib
        requests: float = self.requests
        if is_free:
            cpu = max(0.0, cpu - _FREE_VCPU_SECONDS)
            gib = max(0.0, gib - _FREE_GIB_SECONDS)
            requests = max(0.0, requests - _FREE_REQUESTS)
        idle = max(0.0, self.kept * _MONTH_SECONDS - self.busy_seconds)
        return (
            cpu * _PER_VCPU_SECOND
            + gib * _PER_GIB_SECOND
            + requests / 1e6 * _PER_MILLION_REQUESTS
            + idle * (self.cpu * _IDLE_PER_VCPU_SECOND + self.gib * _IDLE_PER_GIB_SECOND)
        )


@dataclass(frozen=True, slots=True)
class Alerts:
    """A month of alert policies, once Google bills for them.

    Attributes:
        which: `monitoring.alerts`.
        busy_functions: Functions that are asked all the time; of one that nobody asks there are no
            time series, and queries return no points.
    """

    which: AlertSet
    busy_functions: int = 0

    def dollars(self) -> float:
        """Price of the metric references and of the points that their queries return."""
        references = METRIC_REFERENCES[self.which]
        points = references * self.busy_functions * _EVALUATIONS
        return references * _PER_METRIC_REFERENCE + points / 1e6 * _PER_MILLION_POINTS


@dataclass(frozen=True, slots=True)
class Edge:
    """A month of `public_edge` as it is without options: a load balancer with Cloud Armor.

    Attributes:
        requests: Requests of the month, refused ones too.
        kilobytes: Length of a request and its response together; what leaves Google's network is
            billed beside it, with and without a load balancer.
    """

    requests: int = 0
    kilobytes: float = 4.0

    def dollars(self) -> float:
        """Price of what is there, of each request, and of what passes through."""
        fixed = (
            _FORWARDING_RULES_PER_HOUR * _MONTH_HOURS
            + _PER_ARMOR_POLICY
            + _PER_ARMOR_RULE * ARMOR_RULES
        )
        gib = self.requests * self.kilobytes * 1000 / 2**30
        return fixed + self.requests / 1e6 * _PER_MILLION_ARMOR_REQUESTS + gib * _PER_BALANCED_GIB


def table(requests: int, milliseconds: float) -> str:
    """Prices of one function, as a table in Markdown."""
    seconds = milliseconds / 1000
    loads = {
        "nobody asks": Load(0, seconds),
        f"{requests:,} requests, one at a time": Load(requests, seconds),
        f"{requests:,} requests, ten at once": Load(requests, seconds, together=10),
        f"{requests:,} requests, one at a time, one instance kept": Load(requests, seconds, kept=1),
    }
    lines = ["| a month | dollars | with the free share |", "|---|--:|--:|"]
    lines += [
        f"| {what} | {load.dollars(is_free=False):.2f} | {load.dollars(is_free=True):.2f} |"
        for what, load in loads.items()
    ]
    return "\n".join(lines)


def whole_table(
    requests: int,
    milliseconds: float,
    functions: Sequence[int] = (1, 2, 10),
    alerts: Sequence[AlertSet] = ("essential", "all"),
) -> str:
    """Prices of whole environments, with alerts and the public edge, as a table in Markdown.

    Args:
        requests: Requests of the month to all functions together.
        milliseconds: Time that an instance takes for one.
        functions: Numbers of functions, each of which has a row for each set of alerts.
        alerts: Sets of alerts.
    """
    asked = Load(requests, milliseconds / 1000).dollars(is_free=False) + Edge(requests).dollars()
    head = (
        "functions",
        "alerts",
        "nobody asks",
        "with `public_edge`",
        f"{requests:,} requests through it",
    )
    lines = [f"| {' | '.join(head)} |", "|--:|---|--:|--:|--:|"]
    # Until they are billed, neither the number of functions nor the alerts matter.
    lines.append(
        f"| any | any, before {ALERTS_ARE_BILLED_FROM} | {Load(0, 0).dollars(is_free=False):.2f} "
        f"| {Edge().dollars():.2f} | {asked:.2f} |"
    )
    for count in functions:
        for which in alerts:
            idle = Alerts(which).dollars()
            busy = asked + Alerts(which, count).dollars()
            lines.append(
                f"| {count} | {which} | {idle:.2f} | {idle + Edge().dollars():.2f} | {busy:.2f} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line above.

    Args:
        arguments: Its arguments; those of this process if None.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="of all functions together")
    parser.add_argument("--milliseconds", type=float, default=10.0, help="that a request takes")
    parser.add_argument(
        "--functions", type=int, nargs="+", default=(1, 2, 10), help="number, or several to compare"
    )
    parser.add_argument(
        "--alerts", choices=METRIC_REFERENCES, nargs="+", default=tuple(METRIC_REFERENCES)
    )
    chosen = parser.parse_args(arguments)
    print(table(chosen.requests, chosen.milliseconds))
    print()
    print(whole_table(chosen.requests, chosen.milliseconds, chosen.functions, chosen.alerts))


if __name__ == "__main__":
    main()
