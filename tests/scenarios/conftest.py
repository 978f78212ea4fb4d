"""Scenarios that a lawyer can read and sign: every YAML file here is a list of them, each one a test.

``given``: ``profile``, ``project`` (when it was opened), ``packages``, ``done`` (all steps up to this one) ``at`` a
moment, ``contract`` (facts of the contract). ``when``: what happens in order, either ``time`` (somebody looks) or
``do`` ``at`` (and ``recorded`` later), with ``matter``, ``by``, ``second``, ``reason``, ``evidence``, ``facts``; with
``refused`` the act must be refused in these words. ``then``: ``state``, ``lamp``, ``due``, ``fired``, ``told``,
``text``, ``cases``; it may also stand between the steps. All moments are local; 24:00 is the end of a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.errors import YiribanError
from engine.explain import Lamp, lamp_of
from engine.factvalue import read_fact
from tests.city import PERSONS, STEPS, ZONE, City, calendar, moment, paper

LAMPS: dict[Lamp, str] = {
    "normal": "正常", "soon": "临期", "unverified": "待核实", "in_time": "按期", "recorded_late": "补录",
    "done_late": "补办", "waiting": "等待期", "void": "作废",
}  # fmt: skip


class Unmet(Exception):
    """The engine did otherwise than the scenario says."""


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


class Play:
    """One scenario as it goes on."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        known = {"profile", "project", "packages", "done", "at", "contract"}
        if unknown := set(given) - known:
            raise Unmet(f"given 里看不懂：{unknown}")
        self.city = City(profile=given.get("profile", "one-day"))
        opened = given["project"]
        self.now = moment(opened)
        self.city.open(opened, packages=int(given.get("packages", 1)))
        for step in STEPS[: STEPS.index(given["done"]) + 1] if "done" in given else ():
            facts = self.facts(step, given.get("contract", {})) if step == "sign_contract" else {}
            self.pass_on(given.get("at", opened))
            self.city.do(step, self.now, **facts)

    def pass_on(self, text: str) -> None:
        """Time goes forward only."""
        at = moment(text)
        if at < self.now:
            raise Unmet(f"{text} 在前一步之前")
        self.now = at

    def facts(self, action: str, given: Mapping[str, str]) -> dict[str, Any]:
        """Read facts as people write them."""
        flow = next(w for w in self.city.office.current.workflows.values() if action in w.actions)
        return {name: read_fact(flow.facts[name], text) for name, text in given.items()}

    def step(self, step: dict[str, Any]) -> None:
        """Do one step, or check what is so far."""
        if "then" in step:
            self.then(step.pop("then"))
        elif "time" in step:
            self.pass_on(step.pop("time"))
            self.city.patrol(self.now)
        else:
            self.act(step)
        if step:
            raise Unmet(f"看不懂的部分：{step}")

    def act(self, step: dict[str, Any]) -> None:
        """Let somebody act, or be refused."""
        action, at = step.pop("do"), moment(step.pop("at"))
        recorded = step.pop("recorded", None)
        if recorded is None:
            self.pass_on_to(at)
        else:
            self.pass_on(recorded)
        words = step.pop("refused", None)
        bare = step.pop("bare", "") == "true"
        papers = [paper(kind) for kind in step.pop("evidence")] if "evidence" in step else None
        facts = self.facts(action, step.pop("facts", {}))
        how: dict[str, Any] = {key: step.pop(key) for key in ("by", "second", "reason") if key in step}
        for key in ("by", "second"):
            if key in how:
                how[key] = PERSONS[how[key]]
        try:
            self.city.do(
                action,
                at,
                on=step.pop("matter", "P1"),
                now=self.now,
                evidence=papers,
                bare=bare,
                **how,
                **facts,
            )
        except YiribanError as refused:
            said = f"{refused.what}；{refused.why}；{refused.then}"
            if words is None or any(word not in said for word in several(words)):
                raise Unmet(f"“{action}”被拒绝：{said}") from refused
        else:
            if words is not None:
                raise Unmet(f"“{action}”本应被拒绝：{words}")

    def pass_on_to(self, at: datetime) -> None:
        """An act recorded at once moves the present."""
        if at < self.now:
            raise Unmet(f"{at.astimezone(ZONE)} 在前一步之前；事后登记的请写 recorded")
        self.now = at

    # then

    def then(self, wanted: Mapping[str, Any]) -> None:
        """Compare everything that the scenario mentions."""
        looks: dict[str, Callable[[Any], Any]] = {
            "state": lambda w: {m: self.state(m) for m in w},
            "lamp": lambda w: {c: self.lamp(c) for c in w},
            "due": lambda w: {c: {k: self.due(c, k) for k in kinds} for c, kinds in w.items()},
            "fired": lambda w: {c: self.city.fired(f"{self.long(c)}/") for c in w},
            "told": lambda w: {r: self.told(r) for r in w},
            "text": lambda w: {r: w[r] if w[r] in self.text(r) else self.text(r) for r in w},
            "cases": lambda w: {c: self.state(c) for c in self.city.cases()},
        }
        for part, want in wanted.items():
            if part not in looks:
                raise Unmet(f"then 里看不懂：{part}")
            if part == "due":
                want = {c: {k: moment(t) for k, t in kinds.items()} for c, kinds in want.items()}
            if part == "told":
                want = {rung: {PERSONS[role] for role in roles} for rung, roles in want.items()}
            want = {} if want in ("", []) else want
            found = looks[part](want)
            if found != want:
                raise Unmet(f"{part}：应为 {want}，实为 {found}")

    def long(self, clock: str) -> str:
        """``P1.1/decide_award`` means its first round."""
        return clock if clock.count("/") > 1 else f"{clock}/1"

    def state(self, matter: str) -> str:
        found = self.city.matter(matter)
        return str(self.city.office.workflow(found).states[found.state].title)

    def lamp(self, clock: str) -> str:
        matter, name, number = self.long(clock).split("/")
        held = self.city.clock(matter, name, int(number))
        kind = self.city.office.current.terms[
            self.city.office.clock(self.city.matter(matter), name).term
        ].kind
        return LAMPS[lamp_of(held, kind, self.now, ZONE, calendar)]

    def due(self, clock: str, kind: Any) -> datetime | None:
        matter, name, number = self.long(clock).split("/")
        return self.city.clock(matter, name, int(number)).moment(kind)

    def told(self, rung: str) -> set[str]:
        return {p for (p,) in self.city.rows("select distinct person from message where rung = ?", rung)}

    def text(self, rung: str) -> str:
        return "\n".join(
            t for (t,) in self.city.rows("select distinct text from message where rung = ?", rung)
        )


def several(words: str | Sequence[str]) -> Sequence[str]:
    """One phrase or several."""
    return [words] if isinstance(words, str) else words
