"""Words that headers use, in Chinese, English, Albanian and Spanish, and what they usually mean.

The first that matches wins, so the narrower ones stand first. A guess is no more than that: `suggest`
writes it down with its evidence for a person to confirm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guess:
    """Words in a header, and the targets (``workflow.name``, or a role) that they speak for."""

    words: re.Pattern[str]
    targets: tuple[str, ...]


def _guess(words: str, *targets: str) -> Guess:
    # A lost character (U+FFFD) may stand for any letter that Albanian and Spanish write with an accent.
    tolerant = re.sub("[ëçéíóñ]", lambda _: "[\\w\ufffd]", words)
    return Guess(re.compile(tolerant, re.IGNORECASE), targets)


ACTIONS = (
    _guess(
        "评审(结束|完成)|评标(结束|完成)|end of evaluation|evaluation (end|complet)|vlersimit"
        "|fin de la evaluaci",
        "package.end_evaluation",
    ),
    _guess("评(审|标)报告|evaluation report|informe de evaluaci", "package.deliver_report"),
    _guess(
        "确定(成交|中标|结果|供应商)|定标|award decision|date of award|vendimi|fallo", "package.decide_award"
    ),
    _guess(
        "通知书|(中标|成交)通知|award letter|letter of (award|acceptance)|carta de adjudicaci",
        "package.issue_award_letter",
    ),
    _guess(
        "(中标|成交|结果).{0,4}公[告示]|公告发布|award notice|notice of award|dhënie të kontratës"
        "|aviso de adjudicaci",
        "package.issue_award_letter",
        "package.publish_result",
    ),
    _guess(
        "合同.{0,4}公[告示]|contract (notice|publi)|publicaci.{1,4} del contrato", "contract.publish_contract"
    ),
    _guess("合同.{0,4}备案|备案|filing", "contract.file_contract"),
    _guess("补充(协议|合同)|变更(协议|合同)|amendment|annex|aneks"),
    _guess(
        "合同.{0,6}签|签(订|约|署)|signature|signed|signing|nënshkrimi|firma del contrato|suscripci",
        "contract.sign_contract",
    ),
    _guess("(申请|提出).{0,4}验收|验收.{0,4}申请|acceptance request", "instalment.request_acceptance"),
    _guess("验收|acceptance|accepted|recepci", "instalment.accept"),
    _guess("发票|invoice|fatur|factura", "instalment.receive_invoice"),
    _guess("支付|付款|拨付|payment|paid|pages|pago", "instalment.pay"),
    _guess("办结|完结|结案|closed|closing|completion|mbylljes|cierre", "contract.complete"),
)
"""For columns of dates. No target means: known, and none of our actions."""

AMOUNTS = (
    _guess(
        "(支付|付款|拨付).{0,4}(金额|额)|amount paid|payment amount|shuma e pages|monto pagado",
        "instalment.paid_amount",
    ),
    _guess("(中标|成交).{0,4}(价|金额|额)|award (amount|value)|monto adjudicado", "package.award_amount"),
    _guess("aneks|annex|amendment|补充"),
    _guess("预算|限价|budget|estimated|parashikuar|presupuesto", "project.budget"),
    _guess(
        "合同.{0,4}(金额|价|额)|contract (amount|value|price)|vlera totale e kontrat|valor del contrato",
        "contract.amount",
    ),
    _guess("金额|总价|amount|total value|shuma|monto", "contract.amount"),
)
"""For columns of amounts."""

FLAGS = (_guess("中小|小微|small|sme|mipyme", "contract.supplier_small"),)
"""For columns of yes and no."""

NAMES = (
    _guess("发票号|invoice n", "instalment.invoice_no"),
    _guess(
        "(项目|采购|合同|标段.*)名称|^(名称|项目|采购内容|标的)$|采购项目$|title|titulli|título|objeto",
        "title",
    ),
    _guess(
        "采购(单位|人)|招标人|建设单位|^单位(名称)?$|buyer|purchaser|authority|entity|drejtoria|autoriteti"
        "|comprador|entidad",
        "unit",
    ),
    _guess(
        "供应商|中标人|成交人|中标单位|supplier|contractor|vendor|winner|emri i oe|proveedor|contratista",
        "package.supplier",
    ),
    _guess(r"编号|文号|number|\bid\b|\bcode\b|reference|numri prok|número|expediente", "alias"),
)
"""For columns of texts."""
