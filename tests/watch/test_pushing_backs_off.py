"""A subscriber in trouble is tried again ever later, within what `watch` calls silence, and at once when it is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from engine.delivery import Outcome
from engine.watching import SILENT
from runtime.feeding import LONGEST, push
from tests.city import City, moment

SECOND = timedelta(seconds=1)


class Story:
    """A subscriber that answers what it is told to, and a clock that the test turns."""

    def __init__(self) -> None:
        self.city = City()
        self.city.open("2026-11-02 09:00")  # a Monday
        self.now = moment("2026-11-02 10:00")
        self.answer = Outcome("retry", "连接不上")
        self.posts: list[datetime] = []

    def post(self, _ident: str, _events: Sequence[Mapping[str, Any]], _now: datetime) -> Outcome:
        self.posts.append(self.now)
        return self.answer

    def push(self) -> int:
        return push(self.city.store, "tracker", self.post, lambda: self.now).taken

    def waits(self, times: int) -> list[int]:
        """Push every second; return how many seconds lie between the next few attempts."""
        begun = len(self.posts)
        while len(self.posts) <= begun + times:
            self.push()
            self.now += SECOND
        return [(b - a).seconds for a, b in zip(self.posts[begun:], self.posts[begun + 1 :], strict=False)]


def test_each_wait_is_twice_the_one_before_up_to_five_minutes() -> None:
    assert Story().waits(6) == [30, 60, 120, 240, 300, 300]
    assert LONGEST < SILENT


def test_a_subscriber_that_is_well_again_begins_anew() -> None:
    story = Story()
    story.waits(3)
    story.answer = Outcome("accepted")
    story.now += LONGEST
    assert story.push() > 0
    story.answer = Outcome("retry", "连接不上")
    story.city.do("end_evaluation", "2026-11-02 12:00")
    story.now = moment("2026-11-02 12:00")
    assert story.waits(2) == [30, 60]


def test_a_clock_that_ran_ahead_and_went_back_silences_nobody() -> None:
    story = Story()
    story.now = moment("2027-11-02 10:00")
    story.push()
    story.now = moment("2026-11-02 10:00")
    story.answer = Outcome("accepted")
    assert story.push() > 0, "what was written a year ahead does not hold it up for a year"
