"""What the engine found wrong with itself stands on the tracker's desk, by kind, until it is over; nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from runtime import assembly
from tests.auditing.conftest import House
from tests.city import PERSONS
from tests.conftest import Ran


def test_it_stands_on_the_desk_while_it_stands(
    house: House, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "system_now", lambda: house.now)
    monkeypatch.setenv("YIRIBAN_DATABASE", house.city.store.url)

    def desk(*words: str) -> str:
        ran = run("--as", PERSONS["tracker"], "desk", "tracker", *words)
        assert ran.code == 0, ran.err
        return ran.out

    assert "自查" not in desk()
    house.sql("update clock set look_at = null where name = 'decide_award'")
    assert house.round() is not None
    page = desk()
    assert "【引擎自查发现问题】" in page
    assert "计时没有下一次巡查 1 处" in page
    assert json.loads(desk("--json"))["engine"] == {"unplanned": 1}
    [(plan,)] = house.city.rows("select plan from clock where name = 'decide_award'")
    house.sql("update clock set look_at = ? where name = 'decide_award'", int(plan.split(",")[0].strip("[")))
    house.round()
    assert "自查" not in desk(), "it is gone, though nobody was told yet"
