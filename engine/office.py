"""What every route needs, in one hand: bundles, calendar, wording, and the machines made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.clock import Planner
from engine.errors import NotFound
from engine.machine import Machines
from engine.matter import Matter
from engine.workdays import WorkingCalendar
from engine.workflow import Bundle, ClockDef, ProfileDef, TextDef, WorkflowDef


@dataclass(slots=True)
class Actor:
    """Who acts: the person, the roles held for the matter's unit, and the operating-system user.

    ``roles=None`` stands for a nameless holder (replay, import): it holds every role. ``stands_for``
    are the persons whose deputy this one is for the matter's unit.
    """

    person: str
    roles: frozenset[str] | None
    os_user: str = ""
    source: str = ""
    stands_for: frozenset[str] = frozenset()

    @property
    def persons(self) -> frozenset[str]:
        """Everybody as whom this one counts where duties are separate: the person and the principals."""
        return self.stands_for | {self.person}


@dataclass(slots=True)
class Office:
    """The law in force and the means to count with it.

    ``current`` is the bundle that new matters start with; ``fetch`` finds an older one by its hash.
    ``texts`` and ``calendar`` are not pinned: the newest are used for every matter.
    """

    current: Bundle
    calendar: WorkingCalendar
    texts: Mapping[str, TextDef]
    fetch: Callable[[str], Bundle | None] = lambda _hash: None
    _machines: dict[str, Machines] = field(default_factory=dict)
    _planners: dict[tuple[str, str], Planner] = field(default_factory=dict)

    def machines(self, bundle: str) -> Machines:
        """Return the compiled machines of a bundle; raise ``NotFound`` if the database lost it."""
        found = self._machines.get(bundle)
        if found is None:
            source = self.current if bundle == self.current.hash else self.fetch(bundle)
            if source is None:
                raise NotFound(
                    f"找不到流程版本 {bundle[:12]}",
                    why="事项固定在它开始时的流程版本上，而数据库里没有这一版本的内容",
                    then="用 yiriban db restore 恢复备份，或联系维护人员",
                )
            found = self._machines[bundle] = Machines(source)
        return found

    def planner(self, matter: Matter) -> Planner:
        """Return the planner for the matter's bundle and profile."""
        key = (matter.bundle, matter.profile)
        found = self._planners.get(key)
        if found is None:
            bundle = self.machines(matter.bundle).bundle
            found = self._planners[key] = Planner(bundle, self.profile(bundle, matter.profile), self.calendar)
        return found

    @staticmethod
    def profile(bundle: Bundle, name: str) -> ProfileDef:
        """Return a profile of ``bundle``; raise ``NotFound`` naming those there are."""
        try:
            return bundle.profiles[name]
        except KeyError:
            raise NotFound(
                f"没有名为 {name} 的地方时限方案",
                then="可用的方案：" + "、".join(sorted(bundle.profiles)),
            ) from None

    def workflow(self, matter: Matter) -> WorkflowDef:
        """Return the workflow that ``matter`` runs on."""
        return self.machines(matter.bundle).bundle.workflows[matter.workflow]

    def clock(self, matter: Matter, name: str) -> ClockDef:
        """Return the definition of a clock of ``matter``."""
        return self.workflow(matter).clocks[name]
