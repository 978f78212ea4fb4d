"""The demonstration city: its people, its projects, and what everybody does in sixty working days.

Everything is made up and seeded: the same day gives the same city. Nothing here is a number of law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from random import Random

from engine.matter import Evidence, FactValue
from engine.workdays import WorkingCalendar

PROVINCE, CITY, COUNTY = "410000", "410400", "410422"
JURISDICTIONS = (
    (PROVINCE, "河南省", "province", None),
    (CITY, "清禾市", "city", PROVINCE),
    (COUNTY, "清禾市叶原县", "county", CITY),
)
BUREAUS = {"市教育局": CITY, "市卫生健康委": CITY, "叶原县教体局": COUNTY}
UNITS = {
    "市第一中学": "市教育局", "市实验小学": "市教育局", "市职业技术学院": "市教育局",
    "市人民医院": "市卫生健康委", "市妇幼保健院": "市卫生健康委", "市疾控中心": "市卫生健康委",
    "叶原县高级中学": "叶原县教体局", "叶原县实验小学": "叶原县教体局",
}  # fmt: skip
FINANCE = {"河南省财政厅": PROVINCE, "清禾市财政局": CITY, "叶原县财政局": COUNTY}
TRACKER_FIRM = "明衡跟踪评估中心"
OFFICERS = {
    "市第一中学": "陈静", "市实验小学": "陈静", "市职业技术学院": "刘洋", "市人民医院": "赵敏",
    "市妇幼保健院": "赵敏", "市疾控中心": "孙磊", "叶原县高级中学": "周婷", "叶原县实验小学": "周婷",
}  # fmt: skip
HEADS = {"市教育局": "何平", "市卫生健康委": "罗毅", "叶原县教体局": "马健"}
TRACKERS = ("吴桐", "郑爽")
REGULATORS = {"河南省财政厅": "冯远", "清禾市财政局": "许宁", "叶原县财政局": "曹阳"}
THINGS = (
    "课桌椅", "多媒体教室设备", "食堂食材配送", "校服", "图书", "数字化X射线机", "救护车", "检验试剂", "物业服务",
    "办公家具", "空调", "宿舍床具", "保安服务", "核酸提取仪", "信息系统运维", "实训设备", "体育器材", "污水处理设备",
    "床单元消毒机", "网络安全服务", "厨房设备",
)  # fmt: skip


@dataclass(order=True)
class Act:
    """Something a person does at a moment. ``happened`` lies before it where it is recorded back."""

    at: datetime
    order: int
    project: int = field(compare=False)
    on: str = field(compare=False)
    action: str = field(compare=False)
    by: str = field(compare=False)
    facts: dict[str, FactValue] = field(default_factory=dict, compare=False)
    evidence: tuple[str, ...] = field(default=(), compare=False)
    reason: str = field(default="", compare=False)
    happened: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Plan:
    """One project: where, what, when it begins, and what is done about it."""

    number: int
    title: str
    unit: str
    begins: datetime
    acts: tuple[Act, ...]


def paper(kind: str, project: int) -> Evidence:
    """Return a made-up document."""
    text = f"{kind} of demonstration project {project}".encode()
    return Evidence(kind, f"{kind}.pdf", sha256(text).hexdigest(), len(text), "demo")


class City:
    """Plans the city's sixty working days, which end on ``today``."""

    def __init__(self, calendar: WorkingCalendar, today: date, *, days: int = 60, seed: int = 1) -> None:
        """``today`` is the last, unfinished day."""
        self.calendar = calendar
        self.today = today
        self.days = days
        self._random = Random(seed)
        self._order = 0

    def at(self, ago: float, hour: int = 10, minute: int = 0) -> datetime:
        """Return ``hour`` of the working day that lies ``ago`` working days before today."""
        day = self.calendar.subtract(self.today, int(ago)) if ago >= 1 else self.today
        return self.calendar.midnight_after(day - timedelta(days=1)) + timedelta(hours=hour, minutes=minute)

    @property
    def begins(self) -> datetime:
        """The first moment of the demonstration."""
        return self.at(self.days, 8)

    def plans(self) -> list[Plan]:
        """Return all projects: the ordinary ones, and one for each stage of a case."""
        plans = [self._ordinary(n) for n in range(1, 32)]
        for number, chain in enumerate(CHAINS.values(), 32):
            plans.append(self._watched(number, chain))
        return plans

    def beats(self) -> Iterator[datetime]:
        """Walk the moments at which somebody looks: midnight, morning, noon and close of every working day."""
        for ago in range(self.days, -1, -1):
            for hour, minute in ((0, 0), (8, 30), (12, 0), (15, 30), (17, 31)):
                yield self.at(ago, hour, minute)

    def _act(
        self, project: int, ago: float, on: str, action: str, by: str, hour: int = 10, **more: object
    ) -> Act:
        self._order += 1
        happened = more.pop("happened_ago", None)
        moment = self.at(float(happened), 16) if isinstance(happened, int | float) else None
        evidence = more.pop("evidence", ())
        reason = more.pop("reason", "")
        facts: dict[str, FactValue] = {k: v for k, v in more.items() if isinstance(v, str | int | bool)}
        papers = tuple(str(kind) for kind in evidence) if isinstance(evidence, tuple) else ()
        return Act(self.at(ago, hour, self._order % 50), self._order, project, on, action, by, facts, papers,
                   str(reason), moment)  # fmt: skip

    def _ordinary(self, n: int) -> Plan:
        """A project that runs its course, mostly on time, some late, some open."""
        pick = self._random
        unit = pick.choice(sorted(UNITS))
        officer = OFFICERS[unit]
        begin = pick.randint(4, self.days - 2)
        steps: list[Act] = []
        ago = float(begin)
        small = pick.random() < 0.5
        amount = pick.randint(60, 900) * 1_000_00

        def do(gap: int, level: int, action: str, hour: int = 10, **more: object) -> bool:
            nonlocal ago
            ago -= gap
            if ago < 0 or (ago < 1 and hour > 9):
                return False
            on = ".".join(["P", *["1"] * level])
            steps.append(self._act(n, ago, on, action, officer, hour, **more))
            return True

        late = pick.choice((0,) * 8 + (1, 3))
        tardy = pick.choice((0,) * 7 + (1, 1, 4))
        slow = pick.choice((0,) * 8 + (1, 5))
        forgetful = pick.random() < 0.15
        url = f"https://example.org/notice/{n}"

        def sign() -> bool:
            facts = {
                "amount": amount,
                "instalments": 1,
                "supplier_small": small,
                "evidence": ("contract_text",),
            }
            if forgetful:
                # signed in time, recorded two days later: 补录
                return do(2, 2, "sign_contract", 10, happened_ago=ago, reason="漏登，补录", **facts)
            return do(tardy, 2, "sign_contract", 17, **facts)

        course: tuple[Callable[[], bool], ...] = (
            lambda: do(0, 1, "end_evaluation", 9),
            lambda: do(1, 1, "deliver_report", 11, evidence=("evaluation_report",)),
            lambda: do(1 + late, 1, "decide_award", 15, supplier="示例供应商"),
            lambda: do(0, 1, "issue_award_letter", 16, contracts=1, evidence=("award_letter",)),
            lambda: do(1, 1, "publish_result", 9, notice_url=url),
            sign,
            lambda: do(1, 2, "publish_contract", 11, notice_url=url),
            lambda: do(3, 2, "file_contract", 14),
            lambda: do(pick.randint(4, 9), 3, "request_acceptance", 10),
            lambda: do(1 + slow, 3, "accept", 15, evidence=("acceptance_certificate",)),
            lambda: do(0, 3, "receive_invoice", 16, invoice_no=f"2441{n:04d}"),
            lambda: do(1 + pick.choice((0,) * 9 + (6,)), 3, "pay", 11, paid_amount=amount),
        )
        for step in course:
            if not step():
                break
        title = f"{THINGS[n % len(THINGS)]}采购项目"
        return Plan(n, title, unit, self.at(begin, 8), tuple(steps))

    def _watched(self, n: int, chain: tuple[tuple[float, str, str], ...]) -> Plan:
        """A project whose award nobody decided in time, and what is done about its case."""
        unit = sorted(UNITS)[n % len(UNITS)]
        officer = OFFICERS[unit]
        opened = max((ago for ago, _, _ in chain), default=1.0)
        # the case is opened two working days after the promise, which is one after the report
        report = int(opened) + 4
        acts = [
            self._act(n, report + 1, "P.1", "end_evaluation", officer, 9),
            self._act(n, report, "P.1", "deliver_report", officer, 11, evidence=("evaluation_report",)),
        ]
        hands = {"tracker": TRACKERS[n % 2], "officer": officer, "regulator": _regulator(unit)}
        for ago, role, action in chain:
            facts: dict[str, object] = {}
            if action == "remind":
                facts["letter_no"] = f"明衡函〔2026〕{n}号"
            if action in ("urge", "attend", "caution", "interview"):
                facts["document_no"] = f"财督〔2026〕{n}号"
            if action == "write_off":
                facts["result"] = "全部整改"
            if action == "decide_award":
                facts["supplier"] = "示例供应商"
                facts["happened_ago"] = report - 1
                facts["evidence"] = ("decision_letter",)
            on = "P.1" if action == "decide_award" else "P.1-C1"
            acts.append(self._act(n, ago, on, action, hands[role], 9 if ago < 1 else 14,
                                  reason=REASONS.get(action, ""), **facts))  # fmt: skip
        return Plan(n, f"{THINGS[n % len(THINGS)]}采购项目", unit, self.at(report + 1, 8), tuple(acts))


REASONS = {
    "report_correction": "评审争议已处理，结果已确定，正在补录",
    "defer": "单位已改正，等待补录凭证",
    "submit_rectification": "已确定供应商并完善内控流程",
    "write_off": "整改到位",
    "decide_award": "当时已确定，漏登，现补录",
}
# what is done about a case, as (working days ago, who, what), so that it stands at the named stage today
CHAINS: dict[str, tuple[tuple[float, str, str], ...]] = {
    "待提醒改正": (),
    "提醒改正函待签收": ((1, "tracker", "remind"),),
    "限期改正中": ((4, "tracker", "remind"), (3, "officer", "sign_for")),
    "改正待核实": ((6, "tracker", "remind"), (5, "officer", "sign_for"), (1, "officer", "report_correction")),
    "提请稿待决定": ((8, "tracker", "remind"), (6, "officer", "sign_for")),
    "暂缓提请": ((12, "tracker", "remind"), (11, "officer", "sign_for"), (5, "tracker", "defer")),
    "已提请": ((12, "tracker", "remind"), (8, "officer", "sign_for"), (2, "tracker", "refer")),
    "待核线索": ((14, "tracker", "remind"), (12, "officer", "sign_for")),
    "已受理": (
        (13, "tracker", "remind"), (11, "officer", "sign_for"), (5, "tracker", "refer"), (3, "regulator", "accept_case"),
    ),
    "整改中": (
        (15, "tracker", "remind"), (13, "officer", "sign_for"), (7, "tracker", "refer"), (6, "regulator", "accept_case"),
        (5, "regulator", "urge"),
    ),
    "复核中": (
        (18, "tracker", "remind"), (16, "officer", "sign_for"), (10, "tracker", "refer"), (9, "regulator", "accept_case"),
        (8, "regulator", "interview"), (2, "officer", "submit_rectification"),
    ),
    "已销号": (
        (20, "tracker", "remind"), (18, "officer", "sign_for"), (12, "tracker", "refer"), (11, "regulator", "accept_case"),
        (10, "regulator", "urge"), (6, "officer", "submit_rectification"), (3, "regulator", "write_off"),
    ),
    "已撤回": ((3, "officer", "decide_award"),),
}  # fmt: skip


def _regulator(unit: str) -> str:
    place = BUREAUS[UNITS[unit]]
    return next(REGULATORS[name] for name, code in FINANCE.items() if code == place)
