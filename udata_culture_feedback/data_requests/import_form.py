"""The form of an import of a plan of requests: the columns it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.imports import Field, ImportKind, Target, Word
from ..people.viewer import Viewer
from ..web import refusals
from . import permissions
from .importing import REQUIRED, Plan

#: Each column: its label, what it may contain, other words for it in a header.
FIELDS = {
    "external_id": (_("Identifier of the line"), "", ("id", "n°", "numéro", "identifiant")),
    "title": (_("Title"), "", ("intitulé", "titre", "jeu de données", "nom")),
    "description": (_("Description"), _("Where empty: the title."), ("détail", "précisions")),
    "kind": (_("Kind of request"), _("new, enrichment, update or access"), ("type",)),
    "organization": (
        _("Organization"),
        _("Who holds the data: an id or its exact name."),
        ("organisation", "producteur", "détenteur", "ministère"),
    ),
    "dataset": (_("Dataset"), _("An id or an address."), ("jeu de données concerné",)),
    "themes": (_("Themes"), _("Ids, separated by commas."), ("thème", "thèmes")),
    "formats": (_("Formats"), "", ("format",)),
    "evidence_url": (_("Web address"), _("A page that proves that the data exist."), ("lien",)),
    "status": (
        _("Status"),
        _("An id, or a word of the tracker of openings (« Ouverture réalisée »)."),
        ("statut", "état", "avancement"),
    ),
    "requested_at": (_("Asked on"), _("Where empty: today."), ("date de demande", "demandé le")),
    "decided_at": (_("Reached its status on"), _("Where empty: today."), ("date de décision",)),
    "published": (
        _("Published data"),
        _("Ids or addresses, separated by spaces."),
        ("lien de publication", "publié"),
    ),
    "reason": (_("Reason"), _("Of a refusal: an id."), ("motif",)),
    "message": (_("Message"), _("Public, goes with the status."), ("commentaire", "réponse")),
}


class ImportOfPlan(ImportKind):
    what = _("Import requests")

    def may(self, viewer: Viewer) -> bool:
        return permissions.may_import(viewer)

    def target(self, id: ObjectId | None) -> Target:
        above = ("requests/", str(_("Requests for data")))
        return Target(None, "", "requests/import", (above,))

    def fields(self, target: ObjectId | None) -> list[Field]:
        return [
            Field(name, str(label), hint=str(hint), headers=(name, *headers))
            for name, (label, hint, headers) in FIELDS.items()
        ]

    def importer(
        self,
        target: ObjectId | None,
        columns: Mapping[str, str],
        words: Iterable[Word],
        import_id: ObjectId,
    ) -> Plan:
        chosen = {field: column for field, column in columns.items() if field in FIELDS and column}
        missing = {
            f"column.{field}": _("Each line has one: choose its column.")
            for field in REQUIRED
            if field not in chosen
        }
        by_column = {column: field for field, column in chosen.items()}
        if len(by_column) < len(chosen):
            twice = next(f for f, column in chosen.items() if by_column[column] != f)
            missing[f"column.{twice}"] = _("This column is chosen twice.")
        if missing:
            raise refusals.Invalid(_("Some columns are to be chosen."), missing)
        return Plan(by_column, import_id, only_mapped=True)
