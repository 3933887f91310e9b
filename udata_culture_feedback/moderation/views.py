"""The pages of moderators: queue, journal, team, appeals. They are never stored."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from bson import ObjectId
from flask import Response, abort, request
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext

from .. import vocabulary
from ..contributions import kinds, picking
from ..contributions.moderated import Decision
from ..contributions.owned import STANDINGS
from ..contributions.review_rules import REASONS
from ..people import roles
from ..people.viewer import Viewer, current_viewer
from ..portal import catalogue
from ..portal.collections import now
from ..search import unmet_searches
from ..web import listing, refusals
from ..web.api import never_stored
from ..web.listing import Page
from ..web.moments import iso
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handle_form,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.untyped import Payload, Shown
from ..web.urls import api_url, login_url
from . import (
    actions,
    appeals,
    authors,
    bulk,
    forms,
    groups,
    journal_reading,
    permissions,
    presentation,
    queue,
    redaction,
    representation,
)

#: Rows of a page, by default and at most.
ROWS, MOST_ROWS = 20, 50
#: Appeals on a page.
APPEALS = 50

#: The ways to group the queue; "" is one by one.
GROUPINGS = {
    "": _("One by one"),
    "author": _("By author"),
    "text": _("Alike"),
    "check": _("By why they are here"),
}
#: Scopes of a decision that is made in the background.
WHOLE = ("filter", "groups", "all_groups")
#: The reasons that have a digit on the keyboard, in its order.
KEYED = [one for one in actions.REASONS if one not in (permissions.OK, "spam")]

View = Callable[..., Any]


def for_moderators(view: View) -> View:
    """Wrap a page of moderators: never stored, and refused in words."""

    @wraps(view)
    def careful(**arguments: Any) -> Response:
        viewer = current_viewer()
        try:
            permissions.must_moderate(viewer)
            response = view(viewer, **arguments)
        except refusals.NotFound:
            abort(404)
        except refusals.Refusal as refusal:
            response = _refused(viewer, refusal)
        return never_stored(response)

    return careful


@blueprint.route("/pages/moderation/")
@for_moderators
def moderation_page(viewer: Viewer) -> Response:
    """Show the queue, the oldest first."""
    return _queue(viewer)


@blueprint.route("/pages/moderation/", methods=["POST"])
@handles_refusal
@for_moderators
def moderate(viewer: Viewer) -> Response:
    """Carry out one gesture: on a row, on the checked rows, or on the whole page."""

    def act() -> str | Response:
        if request.form.get("scope") in WHOLE and not request.form.get("one"):
            return _all_of_filter(viewer)
        return _after(viewer, _gesture(viewer))

    return _handled(viewer, act, _queue)


@blueprint.route("/pages/moderation/<string:id>/author")
@for_moderators
def author_page(viewer: Viewer, id: str) -> Response:
    """Show what the author of a text has said lately, and what became of the text."""
    entry = kinds.find([ObjectId(id)]).get(ObjectId(id)) if ObjectId.is_valid(id) else None
    if entry is None or not viewer.moderates(entry[0].organization(entry[1])):
        raise refusals.NotFound(_("There is no such contribution."))
    author = _author_of(viewer, entry)
    if author is None:
        raise refusals.NotFound(_("There is no such contribution."))
    decided = [] if entry[1].get("review") else journal_reading.latest_about(viewer, [ObjectId(id)])
    return render(
        "moderation/author.html",
        viewer=viewer,
        errors={},
        fields=(),
        author=author,
        standings=STANDINGS,
        line=presentation.line_of(viewer, decided[0]) if decided else None,
        here=page_address(f"moderation/{id}/author"),
        **_parts("author"),
    )


@form_address("/pages/moderation/undo", page="moderation/")
@handles_refusal
@for_moderators
def undo_gesture(viewer: Viewer) -> Response:
    """Undo all decisions of one gesture, or the latest decision about one text."""

    def act() -> str | Response:
        one = request.form.get("item", "")
        if ObjectId.is_valid(one):
            wanted = [actions.Wanted(ObjectId(one))]
            return _after(viewer, actions.decide(viewer, wanted, Decision.RESTORE))
        batch = request.form.get("batch", "")
        if ObjectId.is_valid(batch) and bulk.is_large(ObjectId(batch)):
            bulk.undo(viewer, ObjectId(batch))
            return _behind(viewer)
        return _after(viewer, actions.undo(viewer, batch))

    return _handled(viewer, act, _queue)


@blueprint.route("/pages/moderation/journal/")
@for_moderators
def journal_page(viewer: Viewer) -> Response:
    """Show the journal: what was decided, by whom and why, the latest first, a gesture a row."""
    refusal, follow, counted = None, None, None
    made: list[journal_reading.Together] = []
    filters, page = journal_reading.Filters(), Page(1, ROWS)
    try:
        filters, page = journal_reading.asked(), _page()
        made, follow = journal_reading.by_gesture(viewer, filters, page)
        counted = journal_reading.count(viewer, filters)
    except refusals.Invalid as refused:
        refusal = refused
    here = page_address("moderation/journal/", **filters.asked)
    return render(
        "moderation/journal.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("q", "by", "decision", "reason", "class", "since", "until"),
        days=presentation.by_day(viewer, made),
        counted=counted,
        asked=filters.asked,
        deciders=journal_reading.deciders(viewer),
        decisions=vocabulary.MODERATION_DECISIONS,
        reasons=[one for one in vocabulary.MODERATION_REASONS if one.id != permissions.OK],
        classes=kinds.moderated().values(),
        here=here,
        all_url=page_address("moderation/journal/"),
        csv_url=f"{api_url('moderation/journal.csv')}?{urlencode(filters.asked)}",
        more_url=(
            page_address("moderation/journal/", **filters.asked, cursor=follow) if follow else None
        ),
        first_url=here if page.cursor else None,
        undo_url=page_address("moderation/undo"),
        **_parts("journal"),
    )


@blueprint.route("/pages/moderation/searches/")
@for_moderators
def searches_page(viewer: Viewer) -> Response:
    """Show moderators what people look for and do not find, most often first."""
    return render(
        "moderation/searches.html",
        viewer=viewer,
        refusal=None,
        searches=unmet_searches.shown(),
        least=unmet_searches.SHOWN_FROM,
        requests_url=lambda words: page_address("requests/", q=words),
        here=page_address("moderation/searches/"),
        **_parts("searches"),
    )


@blueprint.route("/pages/moderation/team/")
@for_moderators
def team_page(viewer: Viewer) -> Response:
    """Show administrators of the portal who moderates what."""
    permissions.must_administer(viewer)
    return _team(viewer)


@blueprint.route("/pages/moderation/team/", methods=["POST"])
@handles_refusal
@for_moderators
def change_team(viewer: Viewer) -> Response:
    """Give a role to an account, or take it back."""
    permissions.must_administer(viewer)

    def act() -> str | Response:
        done = _change_team(viewer)
        if wants_fragment():
            return _team(viewer, done=done)
        return f"{page_address('moderation/team/', done=done)}#cf-done"

    return _handled(viewer, act, _team)


@blueprint.route("/pages/moderation/appeals/")
@for_moderators
def appeals_page(viewer: Viewer) -> Response:
    """Show administrators of the portal the decisions that authors contest."""
    permissions.must_administer(viewer)
    return _appeals(viewer, done="done" in request.args)


@blueprint.route("/pages/moderation/appeals/", methods=["POST"])
@handles_refusal
@for_moderators
def answer_appeal(viewer: Viewer) -> Response:
    """Answer an appeal."""
    permissions.must_administer(viewer)

    def act() -> str | Response:
        appeals.answer(viewer, request.form.get("appeal"), dict(request.form))
        if wants_fragment():
            return _appeals(viewer, done=True)
        return f"{page_address('moderation/appeals/', done=1)}#cf-done"

    return _handled(viewer, act, _appeals)


def _handled(
    viewer: Viewer, act: Callable[[], str | Response], page: Callable[..., Response]
) -> Response:
    """Handle a form of these pages; `page` shows it again with a refusal."""
    return handle_form(
        act,
        lambda refusal: page(viewer, refusal=refusal),
        guard=lambda: check_guard(viewer),
    )


def _all_of_filter(viewer: Viewer) -> str | Response:
    """Start deciding about everything that the filters, or groups of it, keep, as of when the page
    was shown."""
    form = request.form
    seen_at = forms.read_moment(form.get("seen_at"))
    filters = queue.asked()
    if form["scope"] != "filter":
        values = form.getlist("group" if form["scope"] == "groups" else "every_group")
        filters = queue.filters_of(filters.asked | groups.chosen(values))
    bulk.start(
        viewer,
        filters,
        form.get("decision", ""),
        seen_at=seen_at,
        reason=form.get("reason") or None,
        number=form.get("number"),
    )
    return _behind(viewer)


def _behind(viewer: Viewer) -> str | Response:
    """Return to the queue, with the progress of what runs in the background."""
    if wants_fragment():
        return _queue(viewer)
    return f"{page_address('moderation/', done='started')}#cf-done"


def _gesture(viewer: Viewer) -> actions.Outcome:
    """Carry out the gesture that the form of the queue asks for."""
    payload = forms.gesture_of_form(request.form)
    gesture = payload["decision"]
    if gesture == forms.REFUSE:
        return _refuse(viewer, payload)
    gesture = forms.read_gesture(payload)
    items = forms.read_items(payload)
    if gesture == forms.CLAIM:
        return actions.claim(viewer, items)
    if gesture == forms.RELEASE:
        return actions.release(viewer, items)
    reason = forms.read_reason(payload)
    choice = forms.choice_of(payload)
    return actions.decide(viewer, items, Decision(gesture), reason, choice)


def _refuse(viewer: Viewer, payload: Payload) -> actions.Outcome:
    """Remove rows: reject the pending ones and hide the public ones, under one batch."""
    pending, public = payload["pending"], payload["public"]
    reason = forms.read_reason(payload)
    outcome: actions.Outcome | None = None
    for decision, items in ((Decision.REJECT, pending), (Decision.HIDE, public)):
        if items or (decision is Decision.HIDE and outcome is None):
            wanted = forms.read_items({"items": items})
            batch = outcome.batch if outcome else None
            made = actions.decide(viewer, wanted, decision, reason, batch=batch)
            if outcome:
                made.done += outcome.done
                made.refused |= outcome.refused
            outcome = made
    assert outcome
    return outcome


def _after(viewer: Viewer, outcome: actions.Outcome) -> str | Response:
    """Return to the queue after a gesture: a whole page by a redirect, unless a refusal has to be
    shown."""
    if wants_fragment() or outcome.refused:
        return _queue(viewer, outcome=outcome)
    done = f"{outcome.decision}.{len(outcome.done)}"
    return f"{_address(done=done)}#cf-done"


def _queue(
    viewer: Viewer,
    *,
    refusal: refusals.Refusal | None = None,
    outcome: actions.Outcome | None = None,
) -> Response:
    found: list[queue.Entry] = []
    page, total, capped, filters = Page(1, ROWS), 0, False, queue.Filters()
    try:
        filters = queue.asked()
        page = _page()
        found = queue.read(viewer, filters, page)
        total, capped = queue.count(viewer, filters)
    except refusals.Invalid as refused:
        refusal = refusal or refused
    by = request.args.get("group", "")
    many = total > bulk.TYPED_FROM or capped
    more = len(found) > page.size
    shown = representation.as_json(viewer, found[: page.size])
    rows = [presentation.Row.of(item, viewer) for item in shown]
    left = outcome.refused if outcome else {}
    gone = [id for id in left if id not in {item["_id"] for _kind, item in found}]
    return render(
        "moderation/queue.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("reason", "items", "scope", "number"),
        rows=presentation.in_place(rows, journal_reading.latest_about(viewer, gone), viewer),
        placeholder=redaction.placeholder(),
        total=total,
        capped=capped,
        filtered=bool(filters.asked),
        asked=filters.asked,
        done=_done(outcome),
        refused={str(id): one.message for id, one in left.items()},
        gestures=presentation.gestures(viewer),
        bulks=bulk.latest(viewer),
        groups=groups.made(viewer, filters, by) if by in groups.BY else None,
        group_tabs=[
            (label, f"{_address(group=name)}#cf-title", name == by, None)
            for name, label in GROUPINGS.items()
        ],
        author=_author_of(viewer, found[0]) if found else None,
        beside_url=lambda id: page_address(f"moderation/{id}/author"),
        keys={one: number for number, one in enumerate(KEYED, 1)},
        standings=STANDINGS,
        in_group=lambda group: _address(**{group.filter[0]: group.filter[1]}),
        whole=bulk.may_be_whole(filters) and bool(rows),
        number=queue.count(viewer, filters, bulk.MOST_TEXTS)[0] if many else total,
        typed_from=bulk.TYPED_FROM,
        seen_at=iso(now()),
        picked=picking.read(request.args, "organization", picking.ORGANIZATION),
        pick_url=page_address("requests/pick", kind="organization"),
        classes=kinds.moderated().values(),
        why=REASONS,
        ages=queue.AGES,
        reasons=[one for one in vocabulary.MODERATION_REASONS if one.id != permissions.OK],
        own=any(len(row.reasons) < len(actions.REASONS) - 1 for row in rows),
        here=_address(group=by) if by in groups.BY else _address(),
        more_url=_address(cursor=queue.cursor(found[page.size - 1][1])) if more else None,
        first_url=_address() if page.cursor else None,
        rows_url=_address(page_size=MOST_ROWS) if page.size < MOST_ROWS else None,
        most_rows=MOST_ROWS,
        all_url=page_address("moderation/"),
        undo_url=page_address("moderation/undo"),
        appeals_waiting=len(appeals.open_ones(100)) if viewer.sysadmin else 0,
        **_parts("queue"),
    )


def _author_of(viewer: Viewer, entry: queue.Entry) -> authors.Author | None:
    """Show the author of a text; None where authors must not be told apart."""
    hidden_key, (_moderated, item) = queue.author_of(entry), entry
    if hidden_key is None:
        return None
    [shown] = representation.as_json(viewer, [entry])
    texts, lines = authors.said_by(viewer, item["contributor"]["key"])
    return authors.Author(
        of=str(item["_id"]),
        name=(shown["contributor"] or {}).get("name"),
        texts=texts,
        lines=[presentation.line_of(viewer, line) for line in lines],
        waiting=page_address("moderation/", author=hidden_key),
    )


def _page() -> Page:
    asked = listing.asked_page(ROWS)
    return Page(1, min(asked.size, MOST_ROWS), asked.cursor)


def _address(**arguments: Any) -> str:
    """Return the address of the queue with its filters; the cursor is an argument."""
    names = (*queue.NAMES, "page_size")
    kept = {name: request.args[name] for name in names if request.args.get(name)}
    return page_address("moderation/", **(kept | arguments))


def _done(outcome: actions.Outcome | None) -> str | None:
    """Return the message about the gesture that was just done."""
    if outcome:
        gesture, count = outcome.decision, len(outcome.done)
    else:
        gesture, _dot, number = request.args.get("done", "").partition(".")
        count = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
    if gesture == "started":
        return str(_("It is being done: you can go on meanwhile."))
    if not count:
        return None
    said: str | None = None
    match gesture:
        case Decision.PUBLISH:
            said = ngettext("%(num)d text is published.", "%(num)d texts are published.", count)
        case Decision.REJECT:
            said = ngettext("%(num)d text is rejected.", "%(num)d texts are rejected.", count)
        case Decision.HIDE:
            said = ngettext("%(num)d text is hidden.", "%(num)d texts are hidden.", count)
        case Decision.REDACT:
            said = ngettext("%(num)d text is blacked out.", "%(num)d texts are blacked out.", count)
        case Decision.RESTORE:
            said = ngettext("%(num)d decision is undone.", "%(num)d decisions are undone.", count)
        case forms.CLAIM:
            said = ngettext("You have taken %(num)d text.", "You have taken %(num)d texts.", count)
        case forms.RELEASE:
            said = ngettext(
                "You have put %(num)d text back.", "You have put %(num)d texts back.", count
            )
    return said


#: Messages after a change of the team.
TEAM_DONE = {
    "granted": _("The role is given."),
    "revoked": _("The role is removed."),
}


def _team(
    viewer: Viewer, *, refusal: refusals.Refusal | None = None, done: str | None = None
) -> Response:
    team, consulting = roles.team(), roles.holders(roles.CONSULTATION)
    users = catalogue.users_by_id([*(one.user for one in team), *consulting])
    organizations = catalogue.organizations_by_id(
        id for one in team for id in one.remit.organizations or ()
    )
    members = [
        {
            "id": str(one.user),
            "name": users[one.user].name if one.user in users else None,
            "since": one.since,
            "organizations": sorted(
                organizations[id].name
                for id in one.remit.organizations or ()
                if id in organizations
            ),
            "everything": one.remit.everything,
        }
        for one in team
    ]
    return render(
        "moderation/team.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("role", "email", "organizations"),
        typed=request.form if refusal else {},
        members=sorted(members, key=lambda one: one["name"] or ""),
        consulting=sorted(
            ({"id": str(id), "name": users[id].name if id in users else None} for id in consulting),
            key=lambda one: one["name"] or "",
        ),
        done=TEAM_DONE.get(done or request.args.get("done", "")),
        here=page_address("moderation/team/"),
        **_parts("team"),
    )


def _change_team(viewer: Viewer) -> str:
    form = request.form
    role = form.get("role") or roles.MODERATOR
    if role not in (roles.MODERATOR, roles.CONSULTATION):
        message = _("Choose one answer.")
        raise refusals.Invalid(message, {"role": message})
    if form.get("revoke"):
        user = catalogue.users_by_id(_ids(form["revoke"]))
        for id in user:
            if role == roles.CONSULTATION:
                roles.take_back(id, role)
            else:
                roles.revoke(id)
        return "revoked"
    user_id = catalogue.user_of_email(form.get("email", ""))
    if user_id is None:
        message = _("No account has this address.")
        raise refusals.Invalid(message, {"email": message})
    limit = []
    for reference in form.get("organizations", "").replace(",", " ").split()[:50]:
        found = catalogue.find_organization(reference)
        if found is None:
            message = _("There is no organization “%(name)s”.", name=reference)
            raise refusals.Invalid(message, {"organizations": message})
        limit.append(found.id)
    if role == roles.CONSULTATION:
        if limit:
            message = _("This role is for the whole portal: leave this empty.")
            raise refusals.Invalid(message, {"organizations": message})
        roles.give(user_id, role)
    else:
        roles.grant(user_id, limit or None, by=viewer.user_id)
    return "granted"


def _appeals(
    viewer: Viewer, *, refusal: refusals.Refusal | None = None, done: bool = False
) -> Response:
    found = appeals.open_ones(APPEALS)
    return render(
        "moderation/appeals.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=(),
        typed=request.form if refusal else {},
        contested=presentation.contested(found),
        done=_("Your answer is recorded, and its author is told.") if done else None,
        here=page_address("moderation/appeals/"),
        **_parts("appeals"),
    )


def _ids(text: str) -> list[ObjectId]:
    return [ObjectId(text)] if ObjectId.is_valid(text) else []


def _parts(part: str) -> Shown:
    return {
        "part": part,
        "clock": presentation.clock,
        "login": login_url(page_address("moderation/")),
        "queue_url": page_address("moderation/"),
        "team_url": page_address("moderation/team/"),
        "appeals_url": page_address("moderation/appeals/"),
        "journal_url": page_address("moderation/journal/"),
        "searches_url": page_address("moderation/searches/"),
    }


def _refused(viewer: Viewer, refusal: refusals.Refusal) -> Response:
    """Show why a person may not see a page."""
    return render(
        "moderation/refused.html",
        viewer=viewer,
        refusal=refusal,
        errors={},
        fields=(),
        **_parts("refused"),
    )
