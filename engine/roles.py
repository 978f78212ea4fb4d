"""The roles that actions and rungs may name. 角色"""

from __future__ import annotations

from engine.workflow import Title

ROLES: dict[str, Title] = {
    "officer": Title("专办员", "procurement officer"),
    "purchaser_rep": Title("采购人代表", "purchaser's representative"),
    "purchaser_head": Title("分管领导", "purchaser's head"),
    "agency": Title("采购代理机构", "procurement agency"),
    "expert": Title("评审专家", "evaluation expert"),
    "supplier": Title("供应商", "supplier"),
    "tracker": Title("第三方跟踪机构", "tracking agency"),
    "regulator": Title("财政部门", "finance department"),
    "regulator_head": Title("财政部门负责人", "finance department's head"),
    "centre": Title("公共资源交易中心", "public resources trading centre"),
    "sector": Title("行业主管部门", "sector authority"),
    "discipline": Title("纪检监察等机关", "discipline inspection"),
    "bank": Title("融资机构", "financing institution"),
}
"""Role keys with their names; whoever acts does so under an appointment to one of them."""
