"""Place our fragments on pages of front-ends that know nothing of us: the one table for the loader.

Each placement has, as the loader understands them:

- `on`: patterns of JavaScript on the path of the page, each with what is shown there: a reference
  of the dataset, or an address of ours under the prefix. `$1` is the first group, `$q` the search
  (`?q=`);
- `proof`: what the page must contain before anything is shown (addresses are reserved, and an error
  page keeps the address of the missing page);
- `at`: selectors, of which the first found counts: "beforebegin" (before it) or "beforeend" (at its
  end);
- `wide`: it is outside the columns of the page, and makes its own;
- `off`: switched on only by the portal's settings.

The contracts of the two front-ends are observed, not promised: cdata has no `<main>`, its tabs are
links; udata-front-kit has a `main[role=main]` and an ARIA tab list.
"""

from __future__ import annotations

from typing import Any

from flask import current_app

Placement = dict[str, Any]

#: `/datasets/search` and `/datasets/r/` are no datasets. The culture portal has two dataset lists.
_DATASET = r"^/(?:datasets|univers-deps)/(?!search(?:/|$)|r/)([^/]+)"
_ORGANIZATION = r"^/organizations/([^/]+)(?!.*/search)(?:/|$)"

_IS_A_DATASET = 'a[href$="/$1/discussions"], main:has(h1) [role=tablist]'
_AT_THE_END = {
    "main[role=main]": "beforeend",
    "footer[role=contentinfo]": "beforebegin",
}
#: The column beside the menu of the administration, in which pages come and go: above what it
#: shows, where a table of discussions or reports would push what waits out of sight.
_ADMIN = {":has(> nav.fr-sidemenu) + div > :not([data-placed])": "beforebegin"}

PLACEMENTS: dict[str, Placement] = {
    # What people say of a dataset, at the end of its page.
    "section": {"on": {_DATASET: "$1"}, "proof": _IS_A_DATASET, "at": _AT_THE_END, "wide": True},
    # « Avis (12) » beside the tabs, where these are links: a tab list may hold nothing but tabs.
    "tab": {"on": {_DATASET: "$1"}, "at": {'h2:has(> a[href$="/$1/discussions"])': "beforebegin"}},
    # « Vous avez téléchargé … : répond-il à votre besoin ? » instead of the question.
    "download": {"on": {_DATASET: "$1"}, "proof": _IS_A_DATASET},
    # Asking an organization for data.
    "ask": {
        "on": {_ORGANIZATION: "pages/ask/?organization=$1"},
        "proof": "h1",
        "at": _AT_THE_END,
        "wide": True,
    },
    # Asking for what a search has not found: there is no count, but a way to search otherwise.
    "search": {
        "on": {
            r"^/(?:(?:datasets|organizations/[^/]+)/search"
            r"|datasets|univers-deps|search)/?$": "pages/ask/?title=$q"
        },
        "proof": ".search-results:has(button):not(:has([role=status], li))",
        "at": {".search-results": "beforeend"},
    },
    # What a producer does, in the administration of cdata.
    "dashboard": {
        "on": {
            r"^/admin/organizations/([^/]+)/discussions": "pages/dashboard/organizations/$1/",
            r"^/admin/datasets/([^/]+)/discussions": "pages/dashboard/datasets/$1/",
            r"^/admin/me/datasets": "pages/dashboard/me/",
        },
        "at": _ADMIN,
    },
    "moderation": {"on": {r"^/admin/site/moderation": "pages/moderation/"}, "at": _ADMIN},
    # How many have answered, on each dataset of a list: one request for all of them.
    "counts": {
        "on": {r"^/(?:datasets|univers-deps|organizations|search)(?:/|$)": ""},
        "proof": ".search-results li",
        "off": True,
    },
}


def placements() -> dict[str, Placement]:
    """Return the table as this portal has it: `CULTURE_FEEDBACK_PLACEMENTS` switches each placement
    on (True) or off (False), or changes parts of it; a new name adds a placement, which shows the
    address of ours that it gives."""
    found = {name: dict(placement) for name, placement in PLACEMENTS.items()}
    for name, change in current_app.config["CULTURE_FEEDBACK_PLACEMENTS"].items():
        wanted = change if isinstance(change, dict) else {"off": not change}
        found[name] = {**found.get(name, {}), "off": False, **wanted}
    return {name: one for name, one in found.items() if one.get("on")}
