"""The demonstration city: its places, its people, and what it buys. Everything is made up."""

from __future__ import annotations

from datetime import datetime

from engine.directory import Appointment, Unit
from engine.office import Office
from storage.people import People
from storage.store import SqlStore

PROFILE = "one-day"
PROVINCE, CITY, COUNTY = "410000", "410400", "410422"
JURISDICTIONS = (
    (PROVINCE, "河南省", "province", None),
    (CITY, "清禾市", "city", PROVINCE),
    (COUNTY, "清禾市叶原县", "county", CITY),
)
BUREAUS = {"市教育局": CITY, "市卫生健康委": CITY, "叶原县教体局": COUNTY, "省教育厅": PROVINCE}
UNITS = {
    "市第一中学": "市教育局", "市实验小学": "市教育局", "市职业技术学院": "市教育局",
    "市人民医院": "市卫生健康委", "市妇幼保健院": "市卫生健康委", "市疾控中心": "市卫生健康委",
    "叶原县高级中学": "叶原县教体局", "叶原县实验小学": "叶原县教体局", "省特殊教育学院": "省教育厅",
}  # fmt: skip
FINANCE = {"河南省财政厅": PROVINCE, "清禾市财政局": CITY, "叶原县财政局": COUNTY}
TRACKER_FIRM = "明衡跟踪评估中心"
OFFICERS = {
    "市第一中学": "陈静", "市实验小学": "陈静", "市职业技术学院": "刘洋", "市人民医院": "赵敏",
    "市妇幼保健院": "赵敏", "市疾控中心": "孙磊", "叶原县高级中学": "周婷", "叶原县实验小学": "周婷",
    "省特殊教育学院": "黄蕾",
}  # fmt: skip
HEADS = {"市教育局": "何平", "市卫生健康委": "罗毅", "叶原县教体局": "马健", "省教育厅": "谢刚"}
AGENCIES = {"市教育局": "中诚招标代理", "市卫生健康委": "中诚招标代理", "叶原县教体局": "恒信采购服务",
            "省教育厅": "恒信采购服务"}  # fmt: skip
AGENTS = {"中诚招标代理": "秦岚", "恒信采购服务": "杜宇"}
TRACKERS = ("吴桐", "郑爽")
REGULATORS = {"河南省财政厅": "冯远", "清禾市财政局": "许宁", "叶原县财政局": "曹阳"}
THINGS = (
    "课桌椅", "多媒体教室设备", "食堂食材配送", "校服", "图书", "数字化X射线机", "救护车", "检验试剂", "物业服务",
    "办公家具", "空调", "宿舍床具", "保安服务", "核酸提取仪", "信息系统运维", "实训设备", "体育器材", "污水处理设备",
    "床单元消毒机", "网络安全服务", "厨房设备", "教学楼维修工程", "彩色超声诊断仪", "电子班牌", "实验室通风系统",
    "学生公寓热水系统", "数字化校园平台", "血液透析机", "护理床", "办公用纸", "印刷服务", "医疗废物处置服务",
    "疫苗冷链设备", "操场翻新工程", "录播教室设备", "机房空调", "教师培训服务", "急救模拟人", "钢琴", "舞台灯光",
    "保洁服务", "盲文教材印制", "助听器", "麻醉机", "除颤仪", "档案数字化服务", "校园监控系统", "电梯维保服务",
    "车辆租赁服务", "消防改造工程", "防护用品", "显微镜", "实训车床", "科学实验室设备", "饮水设备", "窗帘", "计算机",
    "打印机", "投影设备", "软件正版化", "口腔综合治疗台", "康复训练器材", "无障碍改造工程", "智能手语翻译系统",
    "洗衣设备", "远程会诊系统", "教材配送", "标准化考场设备", "校车服务", "财务审计服务", "屋面防水工程", "电子阅览室设备",
    "门诊自助机",
)  # fmt: skip


def person_for(hand: str, unit: str, number: int) -> str:
    """Return in whose hands it is: ``officer``, ``head``, ``agent``, ``tracker`` or ``regulator`` of a unit."""
    bureau = UNITS[unit]
    place = BUREAUS[bureau]
    return {
        "officer": OFFICERS[unit],
        "head": HEADS[bureau],
        "agent": AGENTS[AGENCIES[bureau]],
        "tracker": TRACKERS[number % len(TRACKERS)],
        "regulator": next(REGULATORS[name] for name, code in FINANCE.items() if code == place),
    }[hand]


def found(office: Office, store: SqlStore, began: datetime) -> None:
    """Found the city in an empty database: jurisdictions, units, persons and their appointments."""
    store.create(began)
    people = People(store)
    places = {**BUREAUS, **{unit: BUREAUS[bureau] for unit, bureau in UNITS.items()}, **FINANCE}
    with store.transaction():
        store.keep_bundle(office.current, began, CITY)
        store.begin_duties(began)
        for code, name, level, above in JURISDICTIONS:
            people.add_jurisdiction(code, name, level, above)
        for unit, code in places.items():
            path = f"{UNITS[unit]}/{unit}" if unit in UNITS else unit
            people.add_unit(Unit(unit, unit, path, PROFILE, code))
        held = _appointments()
        homes = {person: places[unit] for person, _, unit in reversed(held)}
        for number, person in enumerate(dict.fromkeys(person for person, _, _ in held), 1):
            mail, phone = f"p{number}@example.org", f"1380000{number:04d}"
            people.add_person(person, person, homes[person], email=mail, phone=phone)
        for person, role, unit in held:
            people.appoint(Appointment(person, role, unit, began, None, places[unit]))


def _appointments() -> list[tuple[str, str, str]]:
    """Return every appointment as (person, role, unit)."""
    held = [
        (person, role, unit) for unit, person in OFFICERS.items() for role in ("officer", "purchaser_rep")
    ]
    held += [(AGENTS[AGENCIES[bureau]], "agency", bureau) for bureau in BUREAUS]
    held += [(person, "purchaser_head", bureau) for bureau, person in HEADS.items()]
    held += [(person, "tracker", bureau) for person in TRACKERS for bureau in BUREAUS]
    return held + [(person, "regulator", unit) for unit, person in REGULATORS.items()]
