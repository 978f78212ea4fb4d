"""Cities for the tests of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.city import City


@pytest.fixture
def build() -> Iterator[Callable[..., City]]:
    """Make cities; they are closed afterwards."""
    made: list[City] = []

    def maker(**how: str) -> City:
        made.append(City(**how))
        return made[-1]

    yield maker
    for city in made:
        city.store.close()
