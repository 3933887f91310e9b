"""Serve the JSON API for taking part without an account: proofs of work, confirmations."""

from __future__ import annotations

from flask import request
from udata.api import api, fields
from udata.i18n import lazy_gettext as _

from ..people import limits, proof, tokens
from ..people.access_modes import Action, Mode, mode_of
from ..web import refusals
from ..web.api import Answer, Route, answer, documented, json_body, never_stored, ns
from ..web.untyped import Shown
from . import confirmation

token_field = fields.String(description="Without an account: what `P/proof/` or `P/confirm/` gave")

#: Fields that a POST without an account may carry.
without_account_fields = {
    "proof": fields.String(description="The challenge of `P/proof/` and its solution, in base64"),
    "captcha": fields.Raw(description="Instead, where the portal accepts it: uuid and code"),
    "email": fields.String(
        description="Instead of a proof: the address to confirm; answers 202. While many mails are "
        "sent, with the proof of `P/proof/?action=mail`"
    ),
    "tell_me": fields.Boolean(
        description="Keep that address, to write to me about what becomes of it (off by default)"
    ),
}

proof_parser = api.parser()
proof_parser.add_argument(
    "action",
    required=True,
    location="args",
    help="feedback, support or response; mail where an e-mail address is refused without a proof",
)
proof_parser.add_argument(
    "target", location="args", help="Id or slug of the dataset or request; nothing for mail"
)
proof_fields = documented(
    "CultureFeedbackProof",
    {
        "challenge": fields.Raw(description="ALTCHA, version 2: parameters and signature"),
        "contributor_token": fields.String(
            description="Stands for this browser; keep the one you have for as long as it is good"
        ),
        "expires_in": fields.Integer(description="Seconds for which the challenge is good"),
    },
)
confirm_fields = documented(
    "CultureFeedbackConfirm",
    {"token": fields.String(required=True, description="What the link of the mail carries")},
)
confirmed_fields = documented(
    "CultureFeedbackConfirmed",
    {
        "contribution": fields.Raw(description="As its own address gives it"),
        "contributor_token": fields.String(description="To change it within the hour"),
    },
)


@ns.route("/proof/", endpoint="culture_feedback_proof")
class CultureFeedbackProofAPI(Route):
    @api.doc("get_culture_feedback_proof", parser=proof_parser)
    @api.response(200, "A challenge for one contribution", proof_fields.name)
    @api.response(403, "No proof of work opens this action on this portal")
    def get(self) -> Answer:
        """Get a challenge for taking part without an account"""
        if request.args.get("action") == proof.MAIL:
            return _challenge(proof.MAIL, "")
        action = _asked_action()
        contribution = confirmation.contribution_of(action)
        asked = request.args.get("target", "")
        if contribution is None or mode_of(action) is not Mode.PROOF:
            raise refusals.Forbidden(_("A proof of work does not open this."))
        target = contribution.target(asked)
        if confirmation.mode_for(action, asked) is not Mode.PROOF:
            raise refusals.Forbidden(_("A proof of work does not open this."))
        return _challenge(action, target, limits.difficulty(f"{action}:{target}"))


@ns.route("/confirm/", endpoint="culture_feedback_confirm")
class CultureFeedbackConfirmAPI(Route):
    @api.doc("confirm_culture_feedback_contribution")
    @api.expect(confirm_fields)
    @api.response(201, "Recorded", confirmed_fields.name)
    @api.response(200, "It changes what this person had said", confirmed_fields.name)
    @api.response(410, "The link was used already, or is too old")
    def post(self) -> Answer:
        """Confirm an e-mail address, and with it what was sent"""
        outcome, token = confirmation.confirm(json_body().get("token"))
        body = {"contribution": outcome.shown, "contributor_token": token}
        return answer(body, 201 if outcome.created else 200)


def confirmation_is_sent(action: Action, body: Shown) -> Answer:
    """Keep a contribution until its address is confirmed; the response never reveals whether it is
    known."""
    confirmation.ask(action, body)
    return answer({"message": str(confirmation.SENT)}, 202)


def _challenge(action: str, target: str, times: int = 1) -> Answer:
    shown = {
        "challenge": proof.challenge(action, target, times),
        "contributor_token": tokens.new_browser(),
        "expires_in": int(proof.LIFETIME.total_seconds()),
    }
    return never_stored(answer(shown))


def _asked_action() -> Action:
    try:
        return Action(request.args.get("action", ""))
    except ValueError:
        message = _("Choose one of: %(ids)s.", ids=", ".join(Action))
        raise refusals.Invalid(message, {"action": message}) from None
