"""Checks of the database and of the people in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from commands.doctor_patient import Check, Patient, Said, some
from commands.printing import local
from commands.words import CHANNELS, role, word
from engine.directory import ADDRESSES, PURCHASER_ROLES, REGULATOR, WANTING
from engine.verify import verify
from storage.inspection import Place, journal, last_recorded, newest_families, places
from storage.people import People
from storage.views import chains

SAMPLE = 30
"""How many of the newest matters have their histories verified, with their whole families."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""How far apart the clocks of two machines on one database may be."""
MUST_BE_HELD = frozenset({*PURCHASER_ROLES, "tracker", REGULATOR})
"""Roles that every unit has; a unit may do without an agency or a bank, a department without a named head."""
_MOST = 5


def database(patient: Patient) -> Iterator[Said]:
    """The database opens and its schema is that of this program."""
    store = patient.store
    with store.reading():
        mode = journal(store)
    yield Said(
        "good", store.place + (patient.pick(f"，日志模式 {mode}", f", journal mode {mode}") if mode else "")
    )


def history(patient: Patient) -> Iterator[Said]:
    """The chains of the newest matters are whole."""
    store = patient.store
    matters = broken = 0
    with store.reading():
        for root in newest_families(store, SAMPLE):
            for head, lines in chains(store, root):
                matters += 1
                for found in verify(head, lines):
                    broken += 1
                    if broken <= _MOST:
                        yield Said(
                            "finding",
                            patient.pick(
                                f"{found.matter} 第 {found.line} 行：{found.what}",
                                f"{found.matter} line {found.line}: {found.what}",
                            ),
                            patient.pick("记录与校验链不符", "The record does not match its chain"),
                            patient.pick(
                                "不要继续写入，运行 yiriban history verify，与备份核对",
                                "Stop writing, run yiriban history verify, compare a backup",
                            ),
                        )
    if broken > _MOST:
        more = broken - _MOST
        yield Said("finding", patient.pick(f"另有 {more} 处", f"{more} more breaks"))
    if not broken:
        yield Said(
            "good",
            patient.pick(
                f"抽查最新的 {matters} 个事项，没有问题", f"the newest {matters} matters: nothing wrong"
            ),
        )


def moments(patient: Patient) -> Iterator[Said]:
    """Nothing was recorded later than now: this machine's clock is not behind."""
    with patient.store.reading():
        latest = last_recorded(patient.store)
    if latest is not None and latest > patient.now + CLOCKS_DIFFER:
        yield Said(
            "finding",
            patient.pick(
                f"最近的记录登记于 {local(latest)}，晚于此刻 {local(patient.now)}",
                f"The last record is of {local(latest)}, later than now, {local(patient.now)}",
            ),
            patient.pick(
                "这台计算机的时间慢了，或登记时快了", "This clock is behind, or the one that recorded was ahead"
            ),
            patient.pick("校准系统时间（NTP），再办理", "Set the clock right (NTP) before anything is recorded"),
        )  # fmt: skip
    else:
        yield Said("good", patient.pick(f"此刻 {local(patient.now)}", f"now {local(patient.now)}"))


def _open_places(patient: Patient) -> dict[tuple[str, str], set[str]]:
    """Return unit and jurisdiction of every matter that is not finished, with the workflows of those matters."""
    workflows = patient.bundle.workflows

    def finished(place: Place) -> bool:
        workflow = workflows.get(place.workflow)
        state = workflow.states.get(place.state) if workflow is not None else None
        return state is not None and state.final

    found: dict[tuple[str, str], set[str]] = {}
    for place in places(patient.store):
        if not finished(place):
            found.setdefault((place.unit, place.jurisdiction), set()).add(place.workflow)
    return found


def _told(patient: Patient, workflows: Collection[str]) -> dict[str, set[str]]:
    """Return the roles that ladders of ``workflows`` tell, each with the channels used; also of the cases they open."""
    told: dict[str, set[str]] = {}
    for ladder in patient.ladders(workflows):
        for rung in ladder.rungs:
            for name in rung.tells:
                told.setdefault(name, set()).update(rung.via)
    return told


def roles(patient: Patient) -> Iterator[Said]:
    """For every unit with open matters somebody holds each role that a ladder tells."""
    store = patient.store
    unheld: dict[str, list[str]] = {}
    with store.reading():
        open_ = _open_places(patient)
        for (unit, place), workflows in open_.items():
            for name in _told(patient, workflows):
                held = store.holders(name, unit, place, patient.now)
                unheld.setdefault(name, []).extend([] if held else [unit])
    for name, units in unheld.items():
        if not units:
            continue
        called = role(name, patient.lang)
        yield Said(
            "finding" if name in MUST_BE_HELD else "hint",
            patient.pick(
                f"没有人担任{called}：{some(units, patient.lang)}", f"nobody is {called}: {some(units, patient.lang)}"
            ),
            patient.pick(
                "督办规则要通知这个角色，会改发给别人或无人可发", "A ladder tells this role; others are told, or nobody"
            ),
            patient.pick(
                f"yiriban person appoint 账号 {name} 单位", f"yiriban person appoint PERSON {name} UNIT"
            ),
        )  # fmt: skip
    if not any(unheld.values()):
        yield Said(
            "good",
            patient.pick(
                f"{len(open_)} 个单位有未办结的事项，{len(unheld)} 种角色都有人",
                f"{len(open_)} units with open matters; all {len(unheld)} roles are held",
            ),
        )


def addresses(patient: Patient) -> Iterator[Said]:
    """Whoever is told by SMS has a telephone number, whoever by e-mail an address, and so on."""
    store = patient.store
    with store.reading():
        reached = _reached(patient)
        persons = {p.id: p for p in People(store).persons()}
    for channel, field in ADDRESSES.items():
        told = [person for person in sorted(reached) if channel in reached[person]]
        without = [person for person in told if not (person in persons and getattr(persons[person], field))]
        if without:
            yield _lacking(patient, channel, field, without)
        elif told:
            zh, en = (
                f"{word(CHANNELS, channel, 'zh')}通知 {len(told)} 人，都有地址",
                f"{channel}: {len(told)} persons",
            )
            yield Said("good", patient.pick(zh, en))
    if not reached:
        yield Said("good", patient.pick("没有人要通知", "nobody is to be told"))


def _lacking(patient: Patient, channel: str, field: str, persons: list[str]) -> Said:
    wanting = {"sms": "telephone number", "email": "address"}
    what = patient.pick(WANTING[channel], wanting.get(channel, f"{word(CHANNELS, channel, 'en')} account"))
    named = some(persons, patient.lang)
    return Said(
        "finding",
        patient.pick(f"没有登记{what}：{named}", f"no {what}: {named}"),
        patient.pick(
            f"要用{word(CHANNELS, channel, 'zh')}通知，消息只能等着",
            f"They are told by {word(CHANNELS, channel, 'en')}; their messages wait",
        ),
        patient.pick(f"yiriban person add 账号 --name 姓名 --{field} {what}",
                     f"yiriban person add PERSON --name NAME --{field} {field.upper()}"),
    )  # fmt: skip


def _reached(patient: Patient) -> dict[str, set[str]]:
    """Return who is told in units with open matters, holders and their deputies, by which channels."""
    store = patient.store
    reached: dict[str, set[str]] = {}
    for (unit, place), workflows in _open_places(patient).items():
        for name, via in _told(patient, workflows).items():
            held = store.holders(name, unit, place, patient.now)
            lent = store.delegations(name, unit, place, patient.now)
            for person in [*held, *(d.deputy for d in lent if d.principal in held)]:
                reached.setdefault(person, set()).update(via)
    return reached


CHECKS = (
    Check("database", ("数据库", "database"), database, ("settings",)),
    Check("history", ("流转记录", "histories"), history, ("database",)),
    Check("moments", ("系统时间", "wall clock"), moments, ("database",)),
    Check("roles", ("岗位", "roles"), roles, ("database", "workflows")),
    Check("addresses", ("联系方式", "addresses"), addresses, ("database", "workflows")),
)
"""The checks of this module in their order."""
