"""Cities for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.city import City


@pytest.fixture
def city(build: Callable[..., City]) -> City:
    """A city under the four one-days with one project P1, opened on Monday 2 November 2026 at 09:00."""
    made = build()
    made.open("2026-11-02 09:00")
    return made
