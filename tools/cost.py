"""What a month of predictions costs on Cloud Run functions: the table of docs/7-deploy.md.

python tools/cost.py --requests 1000000 --milliseconds 10
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

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
_MONTH_SECONDS = 730 * 3600


@dataclass(frozen=True, slots=True)
class Load:
    """A month.

    Attributes:
        requests: of the month.
        seconds: that an instance takes for one.
        together: how many it answers at once.
        kept: instances that are kept while nobody asks.
        cpu, gib: of an instance.
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
            is_free: whether the month's free share is still there; others of the same billing
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


def table(requests: int, milliseconds: float) -> str:
    """The table, as Markdown."""
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


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--milliseconds", type=float, default=10.0, help="that a request takes")
    arguments = parser.parse_args()
    print(table(arguments.requests, arguments.milliseconds))


if __name__ == "__main__":
    main()
