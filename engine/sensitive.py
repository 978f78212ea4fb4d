"""Words that people must look at before a text goes out, and what may be said all the same. 敏感字词

A hit is no judgement: it asks for a person. Texts are compared without width, case, gaps and invisible signs, so
that a word spread over a line is found too.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from engine.law import Ground
from engine.title import Title


@dataclass(frozen=True, slots=True)
class WordList:
    """A named list: words with their kind, and longer sayings around them that are no hits. 词表"""

    name: str
    title: Title
    words: tuple[tuple[str, str], ...]
    """Each word with its kind, as people read it: ``("指定品牌", "差别歧视")``."""
    allowed: tuple[str, ...]
    ground: Ground
    file: str = ""

    def hits(self, text: str) -> list[str]:
        """Return the words found in ``text``, one entry for each place, in the order of the text.

        At one place the longest word counts; what stands inside an allowed saying does not count.
        """
        plain = plainly(text)
        spared = _spans(plain, [plainly(saying) for saying in self.allowed])
        by_length = sorted((word for word, _ in self.words), key=len, reverse=True)
        taken: list[tuple[int, int, str]] = []
        for word in by_length:
            for start, end in _spans(plain, [plainly(word)]):
                if any(start < e and s < end for s, e, _ in taken):
                    continue
                if not any(s <= start and end <= e for s, e in spared):
                    taken.append((start, end, word))
        return [word for _, _, word in sorted(taken)]


def plainly(text: str) -> str:
    """Return ``text`` as it is compared: one width, one case, no gaps, nothing invisible."""
    same = unicodedata.normalize("NFKC", text).casefold()
    return "".join(
        sign for sign in same if not sign.isspace() and unicodedata.category(sign) not in ("Cf", "Cc")
    )


def _spans(text: str, words: list[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for word in words:
        at = text.find(word) if word else -1
        while at >= 0:
            found.append((at, at + len(word)))
            at = text.find(word, at + 1)
    return found
