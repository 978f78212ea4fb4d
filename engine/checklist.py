"""What a review goes through item by item before somebody signs it, as values. 审查清单"""

from __future__ import annotations

from dataclasses import dataclass

from engine.law import Ground
from engine.title import Title


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One question of a list; whoever signs has seen that it is in order. 审查项"""

    name: str
    title: Title


@dataclass(frozen=True, slots=True)
class ChecklistDef:
    """The items that an action asks to be signed one by one, and when it asks for them at all. 审查清单"""

    name: str
    title: Title
    workflow: str
    items: tuple[CheckItem, ...]
    ground: Ground
    when: str = ""
    """Asked only where this (CEL, as rules have it) is true; empty: always."""
    without_opinion: bool = False
    """What is looked at is ticked off; nothing has to be said about it. 只核对"""
    file: str = ""

    @property
    def code(self) -> str:
        """What it is called where terms and rules have a code: lists have none but their name."""
        return self.name

    @property
    def keys(self) -> tuple[str, ...]:
        """The items as people name them: ``list.item``."""
        return tuple(f"{self.name}.{item.name}" for item in self.items)
