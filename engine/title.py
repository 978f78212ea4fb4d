"""Names in Chinese and, where given, in English. 名称"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Title:
    """A name in Chinese and, where given, in English."""

    zh: str
    en: str = ""

    def __str__(self) -> str:
        """Chinese is the default language."""
        return self.zh

    def in_(self, lang: str) -> str:
        """Return the title in ``lang`` (``zh`` or ``en``), Chinese where English is not given."""
        return self.en if lang == "en" and self.en else self.zh
