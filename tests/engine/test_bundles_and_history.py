"""A matter keeps the law it began with; its history tells when somebody touched it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.chain import chained
from engine.errors import NotFound
from engine.law import Dated, Ground, Value
from engine.office import Office
from engine.reader import bundle_hash, read_bundle_from
from engine.term import Length
from engine.workflow import Bundle
from tests.city import BEGAN, PLACE, City, calendar, moment


def stricter(bundle: Bundle) -> Bundle:
    """The same bundle with a statutory five days to sign instead of thirty."""
    name = "law/contract_signing.yaml"
    files = {**bundle.files, name: bundle.files[name].replace("30 days", "5 days")}
    made = read_bundle_from(files)
    assert made.hash == bundle_hash(files) != bundle.hash
    return made


def test_a_matter_keeps_the_bundle_it_began_with_after_the_files_have_changed(city: City) -> None:
    city.walk("decide_award", "2026-11-02 10:00")
    old, new = city.office.current, stricter(city.office.current)
    city.office = Office(new, calendar(), city.office.texts, city.fetch)
    with city.store.transaction():
        city.store.keep_bundle(new, BEGAN, PLACE)
    city.do("issue_award_letter", "2026-11-02 10:00")
    city.open("2026-11-02 09:00", id="P2")
    city.walk("issue_award_letter", "2026-11-02 10:00", on="P2")
    assert city.matter("P1.1.1").bundle == old.hash
    assert city.matter("P2.1.1").bundle == new.hash
    assert city.clock("P1.1.1", "sign_contract").statutory == moment("2026-12-02 24:00")  # 三十日
    assert city.clock("P2.1.1", "sign_contract").statutory == moment("2026-11-09 24:00")  # 五日，顺延到周一


def test_a_case_takes_the_bundle_now_in_force(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    new = stricter(city.office.current)
    city.office = Office(new, calendar(), city.office.texts, city.fetch)
    city.patrol("2026-11-06 09:00")
    assert city.matter("P1.1-C1").bundle == new.hash
    assert city.matter("P1.1").bundle != new.hash


def test_a_bundle_that_the_database_lost_is_said_so(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    new = stricter(city.office.current)
    city.office = Office(new, calendar(), city.office.texts, lambda _hash: None)
    with pytest.raises(NotFound, match="找不到流程版本"):
        city.do("decide_award", "2026-11-02 11:00")


def test_a_value_of_the_law_is_chosen_on_the_anchors_day(city: City) -> None:
    bundle = city.office.current
    term = bundle.terms["contract_signing"]
    first = next(iter(term.statutory))
    later = Value(Length(10, "days"), Ground("试验用"), moment("2026-11-04 00:00").date())
    assert later.since is not None
    terms = {**bundle.terms, term.name: replace(term, statutory=Dated((first, replace(later))))}
    city.office = Office(replace(bundle, terms=terms), calendar(), city.office.texts, city.fetch)
    city.open("2026-11-03 09:00", id="P2")
    city.open("2026-11-03 09:00", id="P3")
    city.walk("issue_award_letter", "2026-11-03 23:59", on="P2")
    # `since` is the UTC day of local midnight, 3 November; the value holds from that day on
    assert city.clock("P2.1.1", "sign_contract").statutory == moment("2026-11-13 24:00")
    city.open("2026-11-02 09:00", id="P4")
    city.walk("issue_award_letter", "2026-11-02 23:59", on="P4")
    assert city.clock("P4.1.1", "sign_contract").statutory == moment("2026-12-02 24:00")


def broken_links(city: City) -> list[tuple[str, int]]:
    """Every history line whose hash is not that of the line before and its own body."""
    found: list[tuple[str, int]] = []
    heads: dict[str, tuple[int, str]] = {}
    for matter, no, body, digest in city.rows(
        "select matter, no, body, hash from history order by matter, no"
    ):
        last, previous = heads.get(matter, (0, ""))
        told = json.loads(body)
        if (
            no != last + 1
            or chained(previous, body) != digest
            or (told["matter"], told["no"]) != (matter, no)
        ):
            found.append((matter, no))
        heads[matter] = (no, digest)
    for matter, no, head in city.rows("select id, history_no, head_hash from matter"):
        if heads.get(matter, (0, "")) != (no, head):
            found.append((matter, no))
    return found


def lived(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    city.patrol("2026-11-06 09:00")
    city.do("decide_award", "2026-11-03 16:00", now="2026-11-06 10:00", reason="漏登")
    city.walk_on("publish_result", "issue_award_letter", "sign_contract", at="2026-11-06 11:00")


def test_an_untouched_history_holds_together(city: City) -> None:
    lived(city)
    assert len(city.rows("select 1 from history")) > 12
    assert broken_links(city) == []


@pytest.mark.parametrize(
    "touch",
    [
        "update history set body = replace(body, '08:00:00', '07:00:00') where id = {id}",
        "update history set hash = 'ab' || substr(hash, 3) where id = {id}",
        "delete from history where id = {id}",
        "update history set no = 99 where id = {id}",
    ],
)
def test_a_touched_line_breaks_the_chain(city: City, touch: str) -> None:
    lived(city)
    ((line,),) = city.rows('select id from history where body like \'%"name":"decide_award"%\'')
    with city.store.transaction():
        city.store.run(touch.format(id=line))
    assert broken_links(city)


def test_a_line_that_was_cut_off_at_the_end_is_missed(city: City) -> None:
    lived(city)
    with city.store.transaction():
        city.store.run("delete from history where id = (select max(id) from history where matter = 'P1.1')")
    assert ("P1.1", city.matter("P1.1").history_no) in broken_links(city)
