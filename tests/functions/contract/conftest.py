"""Property tests here try the same examples each time."""

from __future__ import annotations

import tests.support.examples.strategies  # noqa: F401  # it sets Hypothesis's profile
