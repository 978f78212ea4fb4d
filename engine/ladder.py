"""What happens along a clock, rung by rung: reminders, warnings, a case, what time itself does. 督办规则"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.term import Length

Does = Literal["remind", "warn", "open", "act"]


@dataclass(frozen=True, slots=True)
class RungTime:
    """When a rung falls: a base moment, with ``closing`` taken at close of business of its day, and
    an offset before (``sign=-1``) or after (``+1``). Day offsets count from the due day and keep
    its ending; ``referral`` is the moment that the profile's ``refers_on`` names.
    """

    base: Literal["start", "promise", "agreed", "statutory", "referral"]
    closing: bool = False
    sign: Literal[-1, 1] = 1
    offset: Length | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: remind, warn, open a case, or act where nobody did. 督办规则"""

    name: str
    does: Does
    at: RungTime
    tells: tuple[str, ...]
    via: tuple[str, ...]
    message: str
    opens: str = ""
    action: str = ""
    """For ``act``: the action that time itself takes on the clock's matter, where nobody decided."""
    at_top: str = ""
    """For an action that climbs: the message told instead where nothing lies above. 已到最高一级"""
    switch: str = ""
    """Planned only where the matter's profile switches this on; empty: always."""


@dataclass(frozen=True, slots=True)
class LadderDef:
    """Rungs in the order in which they are written."""

    name: str
    rungs: tuple[Rung, ...]
    file: str = ""
