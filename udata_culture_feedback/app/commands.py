"""Define the commands `udata feedback …` for operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from mongoengine.connection import get_db
from udata.core.jobs.models import PeriodicTask
from udata.utils import get_udata_version

from ..consultations import importing as importing_responses
from ..consultations import publishing, receipts
from ..consultations import repository as consultation_repository
from ..contributions import adoption
from ..contributions.importing import File
from ..contributions.importing import run as run_import
from ..data_requests import deadlines_shown, importing
from ..data_requests import models as request_models
from ..data_requests.indexing import backfill_requests
from ..feedback import models
from ..figures import metrics
from ..mail import outbox
from ..people import access_modes, roles
from ..people.service_account import service_account
from ..portal import catalogue, job_runs
from ..search import index as search_index
from ..search import unmet_searches
from ..web import refusals
from ..web.csv_reading import Problem
from ..web.embed import advertise as advertising
from ..web.untyped import Query
from ..web.version import VERSION
from . import maintenance, migrations
from .documents import DOCUMENTS
from .recount import recount_everything

cli = AppGroup("feedback")  # its place in udata: command_line.py

#: Request figures written in one batch as metrics of datasets and organizations.
PUBLISHED_AT_ONCE = 500


@cli.command()
@with_appcontext
def init() -> None:
    """Build indexes, run migrations, create the service account. Run it after each upgrade: it may
    be run again, and only does what is left to do."""
    for model in DOCUMENTS:
        model.ensure_indexes()
        click.echo(f"Indexes of {model._get_collection_name()}: built")
    catalogue.build_remote_index()
    for name in migrations.pending():
        click.echo(f"Migration {name}: {migrations.run(name)}")
    account = service_account()
    click.echo(f"Service account: {account.fullname} ({account.id})")
    # Datasets last: the words of both are counted then.
    for what, index in (
        ("requests", backfill_requests),
        ("datasets", search_index.backfill),
    ):
        with click.progressbar(length=1, label=f"Search index, {what}") as bar:
            changed = index(_following(bar))
        click.echo(f"Search index: {changed} {what} brought in line")
    job_runs.note_installation()


@cli.command("recount")
@click.option("--check", is_flag=True, help="Compare only; exit 1 when a figure is wrong.")
@with_appcontext
def recount_summaries(check: bool) -> None:
    """Recount every figure from what is stored, while people go on writing."""
    wrong = 0
    for summary_id, differences in recount_everything(check=check):
        for counter, (stored, counted) in differences.items():
            click.echo(f"{summary_id} {counter}: {stored}, should be {counted}")
        wrong += bool(differences)
    if not check:
        _write_metrics()
    word = "wrong" if check else "mended"
    click.echo(f"{wrong} summaries {word}" if wrong else "Every figure is right")
    if check and wrong:
        raise SystemExit(1)


@cli.command()
@click.argument("old")
@click.argument("new")
@click.option("--dry-run", is_flag=True, help="Only say what would follow.")
@click.option("--undo", is_flag=True, help="Give everything back to OLD.")
@with_appcontext
def adopt(old: str, new: str, dry_run: bool, undo: bool) -> None:
    """Have feedback and requests of a deleted dataset (OLD, its id or slug) follow to the one it
    has become (NEW)."""
    former, found = adoption.find_old(old), catalogue.find_dataset(new)
    if former is None or found is None:
        raise click.ClickException(f"No such dataset: {old if former is None else new}")
    try:
        if dry_run:
            adoption.check(former, found.id)
        followed = adoption.counted(former)
        if undo:
            adoption.undo(former)
            followed = adoption.counted(former)
        elif not dry_run:
            adoption.adopt(former, found.id)
    except refusals.Refusal as refusal:
        raise click.ClickException(refusal.message) from None
    word = "given back" if undo else "would follow" if dry_run else "followed"
    told = ", ".join(f"{n} {kind}" for kind, n in followed.items())
    click.echo(f"{told} {word}")


@cli.command()
@with_appcontext
def info() -> None:
    """Show versions, what is stored, and settings that deserve a look."""
    server = get_db().client.server_info()["version"]
    click.echo(f"udata-culture-feedback {VERSION}, udata {get_udata_version()}, MongoDB {server}")
    for model in DOCUMENTS:
        collection = model._get_collection()
        click.echo(f"{collection.name}: {collection.estimated_document_count()} documents")
    due = models.feedbacks().count_documents({"due": {"$exists": True}}, limit=1000)
    click.echo(f"Feedback with something due: {due}")
    for line in schedule():
        click.secho(line, fg="yellow" if line.startswith("Not on") else None)
    click.echo(f"Log of requests without tokens: nginx {LOG_OF_NGINX}; gunicorn {LOG_OF_GUNICORN}")
    for name in migrations.pending():
        click.secho(f"Migration to run (udata feedback init): {name}", fg="yellow")
    for warning in settings_to_look_at():
        click.secho(warning, fg="yellow")


@cli.command()
@with_appcontext
def maintain() -> None:
    """Catch up on whatever a bad day left: figures, discussions, orphans. Safe at any time; run it
    every night (or schedule the job `culture-feedback-maintain`). Exit 1 when a step failed; the
    others are done, the log says why."""
    done = maintenance.maintain()
    for what, how_many in done.items():
        click.echo(f"{what.replace('_', ' ')}: {how_many}")
    if any(what.endswith("_failed") for what in done):
        raise SystemExit(1)


@cli.command()
@with_appcontext
def requeue() -> None:
    """Start again with every mail that was refused for days."""
    click.echo(f"{outbox.requeue_failed()} mails will be tried again")


@cli.command("import-requests")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Write nothing; say what is wrong, line by line.")
@click.option(
    "--mapping",
    multiple=True,
    metavar="THEIRS=OURS",
    help="A column of the file, and the one of ours that it is. May be repeated.",
)
@click.option("--encoding", default="utf-8-sig", show_default=True, help="Of the file.")
@with_appcontext
def import_requests(path: Path, dry_run: bool, mapping: tuple[str, ...], encoding: str) -> None:
    """Import requests collected elsewhere from a CSV file (columns: docs/importing.md). What was
    imported before is left as it is; lines that are wrong are named and left out, exit 1."""
    plan = importing.Plan(dict(_pair(one) for one in mapping))
    with click.progressbar(length=1, label=path.name) as bar:
        report = run_import(
            plan,
            File(path, encoding),
            dry_run=dry_run,
            skip_errors=True,
            told=_told,
            progress=_following(bar),
        )
    word = "to import" if dry_run else "imported"
    click.echo(f"{report.new} {word}, {report.known} there already, {report.wrong} wrong")
    if report.wrong:
        raise SystemExit(1)


@cli.command("import-responses")
@click.argument("consultation")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Which column answers which question: a TOML or JSON file (docs/importing.md).",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; say what is wrong, line by line.")
@click.option("--skip-errors", is_flag=True, help="Import the other lines when some are wrong.")
@click.option("--encoding", default="utf-8-sig", show_default=True, help="Of the CSV file.")
@with_appcontext
def import_responses(
    consultation: str, path: Path, mapping: Path, dry_run: bool, skip_errors: bool, encoding: str
) -> None:
    """Import answers to a consultation that were collected elsewhere, from a CSV file. Also once it
    has closed. What was imported before is left as it is; where a line is wrong nothing is written,
    exit 1."""
    with click.progressbar(length=1, label=path.name) as bar:
        report = importing_responses.import_file(
            consultation,
            path,
            mapping,
            encoding=encoding,
            dry_run=dry_run,
            skip_errors=skip_errors,
            told=_told,
            progress=_following(bar),
        )
    written = not dry_run and (skip_errors or not report.wrong)
    word = "imported" if written else "to import"
    click.echo(f"{report.new} {word}, {report.known} there already, {report.wrong} wrong")
    if report.wrong and not written and not dry_run:
        click.echo("Nothing is written: correct these lines, or add --skip-errors")
    if report.wrong:
        raise SystemExit(1)


#: Roles by their names on the command line.
ROLES = {
    "moderator": roles.MODERATOR,
    roles.MODERATOR: roles.MODERATOR,
    "consultation": roles.CONSULTATION,
    roles.CONSULTATION: roles.CONSULTATION,
}


@cli.command()
@click.argument("role", type=click.Choice(list(ROLES)))
@click.argument("email")
@click.option(
    "--organization",
    "organizations",
    multiple=True,
    metavar="ID_OR_SLUG",
    help="Moderators: only for what concerns that organization. May be repeated.",
)
@with_appcontext
def grant(role: str, email: str, organizations: tuple[str, ...]) -> None:
    """Give a role to an account: moderators, or the team that makes consultations. Given again, it
    replaces the limit to organizations."""
    user_id = _account(email)
    if ROLES[role] == roles.CONSULTATION:
        if organizations:
            # A limit would promise what nothing enforces.
            raise click.UsageError("--organization is for moderators: consultations have no limit")
        given = roles.give(user_id, roles.CONSULTATION)
        click.echo(f"{email} {'is now' if given else 'was already'} in the team of consultations")
        return
    found = [catalogue.find_organization(one) for one in organizations]
    unknown = [one for one, there in zip(organizations, found, strict=True) if there is None]
    if unknown:
        raise click.ClickException(f"No such organization: {', '.join(unknown)}")
    limit = [one.id for one in found if one]
    roles.grant(user_id, limit or None)
    about = ", ".join(one.name for one in found if one) or "everything"
    click.echo(f"{email} is now moderator of {about}")


@cli.command()
@click.argument("role", type=click.Choice(list(ROLES)))
@click.argument("email")
@with_appcontext
def revoke(role: str, email: str) -> None:
    """Take a role back from an account."""
    user_id = _account(email)
    if ROLES[role] == roles.CONSULTATION:
        had = roles.take_back(user_id, roles.CONSULTATION)
        team = "in the team of consultations"
        click.echo(f"{email} is no longer {team}" if had else f"{email} was not {team}")
        return
    had = roles.revoke(user_id)
    click.echo(f"{email} is no longer a moderator" if had else f"{email} was no moderator")


@cli.command("publish-results")
@click.argument("consultation")
@with_appcontext
def publish_results(consultation: str) -> None:
    """Publish the results of a consultation (its id or slug) as a dataset of the organization that
    consulted: docs/opendata.md. Again, only what has changed is written."""
    done = publishing.publish(consultation)
    what = ", ".join(done.changed) or "nothing has changed"
    click.echo(f"{'Made' if done.created else 'Looked at'} {done.page}: {what}")


@cli.command("audit-consultation")
@click.argument("consultation")
@with_appcontext
def audit_consultation(consultation: str) -> None:
    """Compute the receipts of a closed consultation (its id or slug) again from the answers that
    are stored, and compare them with the published list: docs/consultations.md. Fails where an
    answer has changed for no known reason."""
    found = consultation_repository.find(consultation)
    if found is None:
        raise click.ClickException(f"no consultation {consultation}")
    if not found.get("root"):
        raise click.ClickException("no list of receipts: it has not closed, or closed before them")
    audit = receipts.audit(found)
    click.echo(f"root       {found['root']['sha256']} ({found['root']['number']} receipts)")
    click.echo(f"unchanged  {audit.unchanged}")
    for what, told in found.get("since_root", {}).items():
        click.echo(f"{what:<10} {getattr(audit, what)} found, {told} in the journal")
    if not audit.root_holds:
        raise click.ClickException("the stored list is not the one that was published")
    if audit.changed:
        raise click.ClickException(f"changed: {', '.join(audit.changed)}")


@cli.command("unmet")
@with_appcontext
def show_unmet() -> None:
    """Show what people looked for and did not find: words in alphabetical order, seen at least
    five times."""
    found = unmet_searches.shown()
    for one in found:
        click.echo(f"{one.seen:>6}  {' '.join(one.terms)}")
    if not found:
        click.echo(f"Nothing that was looked for {unmet_searches.SHOWN_FROM} times or more")


#: The recommended schedule of each job, as shown to operators.
SCHEDULE = {
    "culture-feedback-deliver": "*/5 * * * *",
    "culture-feedback-consultations": "*/5 * * * *",
    "culture-feedback-maintain": "0 3 * * *",
    "culture-feedback-publish": "0 5 * * *",
}

#: Links in mails have a token in their query, which must not be logged.
LOG_OF_NGINX = "integrations/nginx/culture-feedback-http.conf"
LOG_OF_GUNICORN = """--access-logformat '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(b)s %(M)s'"""


def schedule() -> Iterator[str]:
    """Yield for each job whether it is scheduled, when beat last sent it, when it last ended."""
    planned = {one.task: one for one in PeriodicTask.objects(task__in=list(SCHEDULE), enabled=True)}
    ended = job_runs.last_ends()
    for job, when in SCHEDULE.items():
        if job in planned:
            sent = planned[job].last_run_at or "never"
            yield f"{job}: sent by beat {sent}, ended {ended.get(job, 'never')}"
        else:
            yield f'Not on the schedule: udata job schedule "{when}" {job}'


def settings_to_look_at() -> list[str]:
    """Return warnings about settings that an operator should know before users do."""
    config = current_app.config
    found = [
        f"{name} is empty: the footer of our pages has no such link"
        for name in (
            "CULTURE_FEEDBACK_LEGAL_URL",
            "CULTURE_FEEDBACK_PRIVACY_URL",
            "CULTURE_FEEDBACK_ACCESSIBILITY_URL",
        )
        if not config[name]
    ]
    if not config["CULTURE_FEEDBACK_CONTROLLER"]:
        found.append("CULTURE_FEEDBACK_CONTROLLER is empty: notices do not say who is responsible")
    if not config["CULTURE_FEEDBACK_PAGES_URL"]:
        found.append("CULTURE_FEEDBACK_PAGES_URL is empty: links in mails lead to /api/1/…")
    if not config["CDATA_BASE_URL"]:
        found.append("CDATA_BASE_URL is empty: links to datasets lead to the API")
    if not config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"]:
        found.append("CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR is empty: writes are not limited")
    if config["CULTURE_FEEDBACK_FORMAL_REQUESTS"]:
        to = config["CULTURE_FEEDBACK_APPEAL_FORM_URL"] or "nobody that is named"
        found.append(f"CULTURE_FEEDBACK_FORMAL_REQUESTS: clocks of the law run, appeals go to {to}")
        if holders := deadlines_shown.holders_without_service():
            found.append(
                f"The settings of {', '.join(holders)} do not name the service in charge of "
                "requests with its postal address and telephone: the delay of appeals may not run"
            )
    return found + access_modes.problems()


def _account(email: str) -> Any:
    """Return the id of the account with an e-mail address. Raise ClickException for an unknown
    one."""
    found = catalogue.user_of_email(email)
    if found is None:
        raise click.ClickException(f"No account has the address {email}")
    return found


def _told(problem: Problem) -> None:
    click.secho(str(problem), fg="yellow")


def _pair(option: str) -> tuple[str, str]:
    """Parse a mapping `THEIRS=OURS`. Raise UsageError for a column that is not ours."""
    theirs, _, ours = option.partition("=")
    if not theirs or ours not in importing.COLUMNS:
        columns = ", ".join(importing.COLUMNS)
        raise click.UsageError(f"--mapping {option}: THEIRS=OURS, where OURS is one of {columns}")
    return theirs.strip(), ours


def _following(bar: Any) -> Callable[[int, int], None]:
    """Return a function that updates a progress bar, given how much is done of how much."""

    def progress(done: int, total: int) -> None:
        bar.length = max(total, 1)
        bar.update(done - bar.pos)

    return progress


def _write_metrics() -> None:
    from ..feedback.tasks import count_above

    for summary in models.summaries().find({"dataset": {"$exists": True}}, {"dataset": 1}):
        count_above(str(summary["dataset"]))
    figures = request_models.figures()
    ids = (one["_id"] for one in figures.find({}, {"_id": 1}))
    while batch := list(islice(ids, PUBLISHED_AT_ONCE)):
        metrics.publish("requests", figures, batch)


@cli.command()
@click.option("--dataset", metavar="ID_OR_SLUG", help="Only that one.")
@click.option("--organization", metavar="ID_OR_SLUG", help="Only those of an organization.")
@click.option("--remove", is_flag=True, help="Take the call back.")
@with_appcontext
def advertise(dataset: str | None, organization: str | None, remove: bool) -> None:
    """Call for feedback on dataset pages of a stock cdata, through the extras of datasets: for
    portals that can add no script. It stands behind the recommendations that are there."""
    where: Query = {}
    if dataset:
        found = catalogue.find_dataset(dataset)
        if found is None or found.deleted:
            raise click.ClickException(f"No such dataset: {dataset}")
        where["_id"] = found.id
    if organization:
        holder = catalogue.find_organization(organization)
        if holder is None:
            raise click.ClickException(f"No such organization: {organization}")
        where["organization"] = holder.id
    done = advertising.withdraw(where) if remove else advertising.advertise(where)
    click.echo(f"{done} datasets {'without the call now' if remove else 'changed'}")
