"""All pages of the law in force, as text by path: one for each workflow, rule and term, and those around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from commands.book_checklist import checklist_book_page
from commands.book_duty import duty_book_page
from commands.book_index import index_page
from commands.book_rule import rule_book_page
from commands.book_tables import ladder_book_page, profile_book_page, threshold_book_page
from commands.book_term import term_book_page
from commands.book_workflow import workflow_book_page
from engine.workflow import Bundle, TextDef


def law_book(bundle: Bundle, texts: Mapping[str, TextDef]) -> dict[str, str]:
    """Return every page by its path below the folder. The same files give the same bytes, on any day."""
    bundle = _in_order(bundle)
    pages = {"README.md": index_page(bundle)}
    pages |= {f"workflows/{w.name}.md": workflow_book_page(w, bundle) for w in bundle.workflows.values()}
    pages |= {f"terms/{t.name}.md": term_book_page(t, bundle) for t in bundle.terms.values()}
    pages |= {f"rules/{r.code}.md": rule_book_page(r, bundle) for r in bundle.rules.values()}
    pages |= {f"checklists/{c.name}.md": checklist_book_page(c, bundle) for c in bundle.checklists.values()}
    pages |= {f"recurring/{d.name}.md": duty_book_page(d, bundle) for d in bundle.duties.values()}
    pages |= {
        f"ladders/{one.name}.md": ladder_book_page(one, bundle, texts) for one in bundle.ladders.values()
    }
    pages |= {f"thresholds/{t.name}.md": threshold_book_page(t, bundle) for t in bundle.thresholds.values()}
    pages |= {f"profiles/{p.name}.md": profile_book_page(p, bundle) for p in bundle.profiles.values()}
    return dict(sorted(pages.items()))


def _in_order(bundle: Bundle) -> Bundle:
    """Sort everything by name: in which order a machine lists its files must not show."""
    return replace(
        bundle,
        workflows=dict(sorted(bundle.workflows.items())),
        terms=dict(sorted(bundle.terms.items())),
        rules=dict(sorted(bundle.rules.items())),
        ladders=dict(sorted(bundle.ladders.items())),
        profiles=dict(sorted(bundle.profiles.items())),
        checklists=dict(sorted(bundle.checklists.items())),
        duties=dict(sorted(bundle.duties.items())),
        thresholds=dict(sorted(bundle.thresholds.items())),
    )
