"""A made-up register: one CSV line per project, from evaluation to payment, some late, some open.

The same seed makes the same bytes. Delays are counted in working days from the step before: most steps
keep their one day, some run late enough to warn, some so late that a case opens, some never come.
"""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from random import Random

from engine.workdays import WorkingCalendar

FIRST = date(2021, 1, 4)
HEADERS = (
    "项目编号", "项目名称", "采购单位", "评审结束", "评审报告送达", "确定成交", "通知书发出", "合同金额(万元)",
    "合同签订", "合同公告", "验收申请", "验收通过", "收到发票", "资金支付", "中小企业",
)  # fmt: skip
# column, working days after the step before when all goes well, share of lines that never get further
STEPS: tuple[tuple[str, int, float], ...] = (
    ("评审报告送达", 1, 0.00),
    ("确定成交", 1, 0.01),
    ("通知书发出", 0, 0.00),
    ("合同签订", 1, 0.01),
    ("合同公告", 1, 0.00),
    ("验收申请", 12, 0.01),
    ("验收通过", 1, 0.00),
    ("收到发票", 1, 0.01),
    ("资金支付", 1, 0.02),
)
LATE, VERY_LATE = 0.15, 0.05
UNITS = (
    "市第一中学",
    "市人民医院",
    "市水利局",
    "市公安局",
    "市城市管理局",
    "市交通运输局",
    "市图书馆",
    "市生态环境局",
)
THINGS = (
    "办公家具采购项目",
    "食堂食材配送采购项目",
    "医用耗材配送采购项目",
    "道路养护服务项目",
    "信息系统运维项目",
)


def write_register(
    path: Path, rows: int, calendar: WorkingCalendar, *, per_day: int, seed: int = 20261121
) -> date:
    """Write ``rows`` projects, ``per_day`` of which begin on each working day; return the last day seen."""
    random = Random(seed)
    last = FIRST
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADERS)
        for number in range(rows):
            begins = calendar.add(FIRST, 1 + number // per_day)
            row, ends = _row(number, begins, calendar, random)
            out.writerow([row.get(header, "") for header in HEADERS])
            last = max(last, ends)
    return last


def _row(number: int, day: date, calendar: WorkingCalendar, random: Random) -> tuple[dict[str, str], date]:
    row = {
        "项目编号": f"HZ-{day.year}-{number + 1:06d}",
        "项目名称": random.choice(THINGS),
        "采购单位": random.choice(UNITS),
        "合同金额(万元)": f"{random.randint(1, 40_000) / 100:.2f}",
        "中小企业": random.choice(("是", "是", "否")),
        "评审结束": day.isoformat(),
    }
    for column, usual, lost in STEPS:
        if random.random() < lost:
            break
        chance = random.random()
        late = random.randint(4, 20) if chance < VERY_LATE else random.randint(1, 3) if chance < LATE else 0
        day = calendar.add(day, usual + late)
        row[column] = day.isoformat()
    return row, day
