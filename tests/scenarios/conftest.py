"""Scenarios that a lawyer can read and sign: every YAML file here is a list of them, each one a test.

``given``: ``profile``, ``overlay``, ``project`` (when it was opened), ``stage`` (where it stands, by default 评审中;
empty: from its beginning), ``facts`` of the project (公开招标 unless told), ``packages``, ``done`` (all steps up to
this one) ``at`` a moment, ``contract`` (facts of the contract), ``levels`` (the name of a level above, with its
finance department), ``refused`` (it must not be opened, in these words).

``when``: what happens in order. ``time``: somebody looks. ``do`` ``at`` (and ``recorded`` later), with ``matter``,
``by``, ``second``, ``reason``, ``evidence``, ``facts``; ``notes`` are what the receipt tells besides (无: nothing).
``pause``, ``resume`` a matter; ``extend`` a clock ``to`` a day (its ``moment``: promise unless told), ``approve`` or
``disapprove`` it. With ``refused`` each of them must be refused in these words.

``then``: ``state``, ``lamp``, ``due``, ``fired``, ``told``, ``text``, ``cases``, ``lost`` (working days by party),
``facts``, ``held`` (what forbids an action), ``paused``, ``clocks`` (those that run), ``kept`` (whether anything was);
it may also stand between the steps. All moments are local; 24:00 is the end of a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenarios.play import Play, Unmet


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take every YAML file of this folder as a list of scenarios."""
    if file_path.suffix == ".yaml":
        found: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
        return found
    return None


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    def collect(self) -> Iterator[pytest.Item]:
        """Make one test of every scenario; its name is the sentence."""
        # BaseLoader: a moment is written as people write it, and stays text
        for told in yaml.load(self.path.read_text(encoding="utf-8"), yaml.BaseLoader):
            yield Scenario.from_parent(self, name=told["scenario"], told=told)


class Scenario(pytest.Item):
    """One scenario: given, when, then."""

    def __init__(self, *, told: dict[str, Any], **how: Any) -> None:
        super().__init__(**how)
        self.told = told

    def runtest(self) -> None:
        """Play it in a city of its own."""
        unknown = set(self.told) - {"scenario", "ground", "given", "when", "then"}
        if unknown or "then" not in self.told:
            raise Unmet(f"看不懂的部分：{unknown or '没有 then'}")
        play = Play(self.told.get("given", {}))
        try:
            for step in self.told.get("when", []):
                play.step(dict(step))
            play.then(self.told["then"])
        finally:
            play.city.store.close()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say in the scenario's own words what differs."""
        if isinstance(excinfo.value, Unmet):
            return f"{self.path.name}：{self.name}\n  {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Name the scenario by its sentence."""
        return self.path, 0, self.name
