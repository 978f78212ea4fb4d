"""What one OCDS release says happened: dates of award, notice, signature and payment.

An award notice counts as the award letter; where none is dated, the award's own date stands for it.
Nothing in OCDS is the end of an evaluation (docs/decisions/0005-ocds-mapping.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from engine.matter import FactValue
from exchange.amounts import read_amount
from exchange.cells import Trouble
from exchange.dates import DateReader
from exchange.observation import Finding, Place, Row, Step
from exchange.rows import NO_DATE

DECIDED, NOTIFIED = "decide_award", "issue_award_letter"
"""`awards[].date` is the decision beside a dated award notice, and stands for the notice without one."""

_NOT_AWARDED = frozenset({"pending", "cancelled", "unsuccessful"})
_NOT_IN_FORCE = frozenset({"pending", "cancelled"})
_CONTRACT_NOTICES = frozenset({"contractnotice", "contractsigned"})
_AWARD_NOTICES = frozenset({"awardnotice"})


def row_of_release(release: dict[str, Any], place: Place, ocid: str, dates: DateReader) -> Row:
    """Make the row of ``release``; refused where it holds no readable day of anything that happened."""
    reading = _Release(release, Row(place, ocid), dates)
    reading.head(ocid)
    reading.happenings()
    row = reading.row
    if not reading.dated:
        row.refused = NO_DATE
    return row


def identifier(value: Any) -> str:
    """An id as text: OCDS allows text and whole numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; a publisher who wrote one object instead of a list is understood."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _code(value: Any) -> str:
    """A code as publishers mean it: ``Award Notice`` and ``awardNotice`` are the same."""
    return "".join(value.split()).lower() if isinstance(value, str) else ""


@dataclass(slots=True)
class _Release:
    release: dict[str, Any]
    row: Row
    dates: DateReader
    dated: bool = False

    def head(self, ocid: str) -> None:
        """Title, unit and the numbers by which the project can be found."""
        tender, buyer = _object(self.release.get("tender")), _object(self.release.get("buyer"))
        entity = _object(tender.get("procuringEntity"))
        self.row.title = _text(tender.get("title")) or _text(tender.get("description"))
        self.row.unit = _text(buyer.get("name")) or _text(entity.get("name"))
        self.row.aliases.append(("ocid", ocid))
        if number := identifier(tender.get("id")):
            self.row.aliases.append(("tender", number))

    def happenings(self) -> None:
        """Walk tender, awards and contracts."""
        tender = _object(self.release.get("tender"))
        self._day(tender.get("datePublished"), "tender.datePublished")
        self._day(_object(tender.get("tenderPeriod")).get("startDate"), "tender.tenderPeriod.startDate")
        awards = list(_named(_objects(self.release.get("awards"))))
        for key, award in awards:
            self._award(key, award)
        if len(awards) == 1:
            self._notice((awards[0][0],), _objects(tender.get("documents")), "tender.documents")
        for key, contract in _named(_objects(self.release.get("contracts"))):
            # A contract of no award is a package of its own, unless there is but one award to belong to.
            own = awards[0][0] if len(awards) == 1 else f"contract:{key}" if key else ""
            self._contract((identifier(contract.get("awardID")) or own, key), contract)
        self._stand_in()

    def _stand_in(self) -> None:
        """Let an award's date stand for its notice where no notice is dated."""
        notified = {step.parts for step in self.row.steps if step.action == NOTIFIED}
        self.row.steps = [
            replace(step, action=NOTIFIED) if step.action == DECIDED and step.parts not in notified else step
            for step in self.row.steps
        ]

    def _award(self, key: str, award: dict[str, Any]) -> None:
        day = self._day(award.get("date"), "awards.date")
        status = _code(award.get("status"))
        if status in _NOT_AWARDED:
            if day is not None:
                message = f"授标 {key} 的状态是 {status}，其日期不作为确定结果"
                self._find("award_not_active", message, "awards.status")
            return
        parts = (key,)
        if day is not None:
            self._step("package", DECIDED, day, parts, "awards.date")
            suppliers = _objects(award.get("suppliers"))
            supplier = next((name for one in suppliers if (name := _text(one.get("name")))), "")
            if supplier:
                self.row.facts.append(("package", parts, "supplier", supplier))
            self._money(award.get("value"), "package", parts, "award_amount", "awards.value")
        self._notice(parts, _objects(award.get("documents")), "awards.documents")

    def _notice(self, parts: tuple[str, ...], documents: Iterable[dict[str, Any]], column: str) -> None:
        day = self._published(documents, _AWARD_NOTICES, column)
        if day is not None:
            self._step("package", NOTIFIED, day, parts, column)
            self._step("package", "publish_result", day, parts, column)

    def _contract(self, parts: tuple[str, str], contract: dict[str, Any]) -> None:
        signed = self._day(contract.get("dateSigned"), "contracts.dateSigned")
        if identifier(contract.get("extendsContractID")):
            self._find("contract_amendment", f"合同 {parts[1]} 是另一合同的变更，不另作一份合同", "contracts")
            return
        status = _code(contract.get("status"))
        if status in _NOT_IN_FORCE:
            if signed is not None:
                message = f"合同 {parts[1]} 的状态是 {status}，其日期不作为签订"
                self._find("contract_not_active", message, "contracts.status")
            return
        if signed is not None:
            self._step("contract", "sign_contract", signed, parts, "contracts.dateSigned")
            self._money(contract.get("value"), "contract", parts, "amount", "contracts.value")
        documents = _objects(contract.get("documents"))
        published = self._published(documents, _CONTRACT_NOTICES, "contracts.documents")
        if published is not None:
            self._step("contract", "publish_contract", published, parts, "contracts.documents")
        self._notice(parts[:1], documents, "contracts.documents")
        self._payments(parts, _object(contract.get("implementation")))

    def _payments(self, parts: tuple[str, str], implementation: dict[str, Any]) -> None:
        column = "contracts.implementation.transactions"
        for key, transaction in _named(_objects(implementation.get("transactions"))):
            day = self._day(transaction.get("date"), f"{column}.date")
            if day is not None:
                lead = (*parts, key)
                self._step("instalment", "pay", day, lead, f"{column}.date")
                amount = transaction.get("value") or transaction.get("amount")
                self._money(amount, "instalment", lead, "paid_amount", column)

    def _published(
        self, documents: Iterable[dict[str, Any]], types: frozenset[str], column: str
    ) -> date | None:
        """The first day on which a document of one of ``types`` was published."""
        chosen = [document for document in documents if _code(document.get("documentType")) in types]
        days = [self._day(document.get("datePublished"), f"{column}.datePublished") for document in chosen]
        return min((day for day in days if day is not None), default=None)

    def _day(self, value: Any, column: str) -> date | None:
        if value is None:
            return None
        read = self.dates.read(value if isinstance(value, str) else str(value))
        if isinstance(read, Trouble):
            self._find(read.kind, read.message, column)
            return None
        self.dated |= read is not None
        return read

    def _step(self, workflow: str, action: str, day: date, parts: tuple[str, ...], column: str) -> None:
        self.row.steps.append(Step(workflow, action, day, parts, column=column))

    def _money(self, value: Any, workflow: str, parts: tuple[str, ...], fact: str, column: str) -> None:
        """Note an amount in hundredths of its currency; without a currency it is no amount."""
        amount, currency = _object(value).get("amount"), _text(_object(value).get("currency"))
        if amount is None:
            return
        if not currency:
            self._find("currency_missing", "金额没有币种，不采用", f"{column}.currency")
            return
        fen, trouble = read_amount(amount, "元")
        if trouble is not None:
            self._find(trouble.kind, trouble.message, f"{column}.amount")
        if fen is not None:
            self.row.currency = currency
            noted: FactValue = fen
            self.row.facts.append((workflow, parts, fact, noted))

    def _find(self, kind: str, message: str, column: str) -> None:
        finding = Finding(kind, self.row.place, message, column)
        if finding not in self.row.findings:
            self.row.findings.append(finding)


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _named(items: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Pair items with their ids; one without id is "the only one", or its number among several."""
    for number, item in enumerate(items, 1):
        yield identifier(item.get("id")) or ("" if len(items) == 1 else str(number)), item
