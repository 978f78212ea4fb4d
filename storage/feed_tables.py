"""The table of events, and what fills it: triggers, so that no writer can forget or reorder it. 事件流水

The drawing and the reasons: docs/why/schema.md; what is promised of the numbers: `feed`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DDL, CheckConstraint, Column, Index, Integer, event
from sqlmodel import Field, SQLModel

from storage.columns import count as _count
from storage.columns import instant as _instant
from storage.columns import metadata, partial
from storage.columns import said as _said
from storage.columns import text as _text

SUBSCRIBER_STATES = ("open", "dead", "gone")


class EventRow(SQLModel, table=True):
    """One thing that happened, under a number without gaps; append-only.

    For a line of history ``matter`` and ``no`` name it and ``hash`` is its hash as it was when it was written;
    for a message or a collapsed fire ``ref`` is its key and ``state`` what became of it.
    """

    __tablename__ = "event"
    __table_args__ = (
        partial("ix_event_beat", "at", where="kind = 'beat'"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    kind: str = Field(sa_column=_text())
    matter: str = Field(default="", sa_column=_said())
    no: int = Field(default=0, sa_column=_count())
    ref: str = Field(default="", sa_column=_said())
    state: str = Field(default="", sa_column=_said())
    at: datetime = Field(sa_column=_instant())
    recorded_at: datetime = Field(sa_column=_instant())
    hash: str = Field(default="", sa_column=_said())
    jurisdiction: str = Field(sa_column=_text())


class SubscriberRow(SQLModel, table=True):
    """How far somebody outside has taken the events: all up to ``after``; those up to ``upto`` are on their way.

    ``state``: ``dead`` was refused for good at ``upto``, ``gone`` wants no more (410); a person reopens either.
    """

    __tablename__ = "subscriber"
    __table_args__ = (
        CheckConstraint(f"state in ({', '.join(repr(s) for s in SUBSCRIBER_STATES)})", name="state"),
        CheckConstraint("upto >= after", name="upto"),
        Index(None, "state"),
    )
    name: str = Field(sa_column=_text(key=True))
    after: int = Field(default=0, sa_column=_count())
    upto: int = Field(default=0, sa_column=_count())
    state: str = Field(default="open", sa_column=_said("open"))
    detail: str = Field(default="", sa_column=_said())
    again_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    told_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    jurisdiction: str = Field(sa_column=_text())


_LINE = "insert into event (kind, matter, no, at, recorded_at, hash, jurisdiction)"
_NOTICE = "insert into event (kind, matter, ref, state, at, recorded_at, jurisdiction)"
_TRIGGERS = (
    "create trigger if not exists event_of_history after insert on history begin"
    f" {_LINE} values (new.kind, new.matter, new.no, new.at, new.recorded_at, new.hash, new.jurisdiction); end",
    "create trigger if not exists event_of_collapsed after insert on fire when new.collapsed = 1 begin"
    f" {_NOTICE} values ('collapsed', new.matter, new.key, '', new.at, new.fired_at, new.jurisdiction); end",
    "create trigger if not exists event_of_message after insert on message begin"
    f" {_NOTICE} values ('message', new.matter, new.key, new.state, new.send_from, new.created_at, new.jurisdiction);"
    " end",
    # to and fro between waiting and being sent is nobody's business outside; an end is, and a replay after it
    "create trigger if not exists event_of_message_state after update of state on message"
    " when new.state <> old.state and not (new.state in ('queued', 'sending') and old.state in ('queued', 'sending'))"
    f" begin {_NOTICE} values ('message', new.matter, new.key, new.state, new.send_from,"
    " coalesce(new.handed_at, new.send_from), new.jurisdiction); end",
    "create trigger if not exists event_is_kept before delete on event begin"
    " select raise(abort, 'an event is never deleted'); end",
    "create trigger if not exists event_stays before update on event begin"
    " select raise(abort, 'an event is never changed'); end",
)
for _statement in _TRIGGERS:
    event.listen(metadata, "after_create", DDL(_statement).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]
