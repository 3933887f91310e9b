"""Receipts: what lets respondents check that their answer is among those counted, and an auditor
that none was changed, without telling anybody what it says.

A receipt is the SHA-256 of an answer in its canonical form, which has a random salt: whoever lacks
the salt cannot try answers until one fits. The list of all receipts is fixed once the seal is
broken, and never changes afterwards: `root` is the SHA-256 of the list as it is published, one
receipt a line, in order. What happens to answers later is told as counts.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from bson import ObjectId

from ..portal.collections import Query, now
from ..web.moments import iso
from ..web.untyped import Shown
from .models import (
    Answers,
    Consultation,
    Receipt,
    Response,
    Root,
    consultations,
    responses,
    results,
)

#: What happens to answers once the list is fixed.
ERASED, REDACTED, ENTERED = "erased", "redacted", "entered"
#: What the canonical form of a questionnaire has.
ASKED = ("title", "introduction", "outcome", "steps", "questions")


def canonical(document: Shown) -> bytes:
    """Return JSON in its canonical form: sorted keys, no spaces, UTF-8."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def questionnaire(consultation: Consultation) -> bytes:
    """Return the canonical form of a questionnaire: all that respondents are asked and told."""
    asked: Shown = {field: consultation.get(field) for field in ASKED}
    return canonical({"id": str(consultation["_id"])} | asked)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- Of one answer --------------------------------------------------------------------------------


def receipt_of(response: Response) -> Receipt:
    """Make the receipt of an answer that is sent or changed."""
    salt = secrets.token_hex(16)
    return {"salt": salt, "sha256": sha256(answer(response, salt))}


def answer(response: Response, salt: str) -> bytes:
    """Return an answer in its canonical form."""
    return canonical(
        {
            "answers": plain(response.get("answers") or {}),
            "consultation": str(response["consultation"]),
            "profile": response.get("profile"),
            "salt": salt,
        }
    )


def plain(answers: Answers) -> Answers:
    """Convert answers to JSON values: ids as texts."""
    return {id: str(one) if isinstance(one, ObjectId) else one for id, one in answers.items()}


# --- Of all of them -------------------------------------------------------------------------------


def fix(consultation: Consultation) -> None:
    """Fix the list of receipts once the seal is broken. Idempotent. Answers older than receipts are
    given theirs first."""
    if consultation.get("root"):
        return
    id = consultation["_id"]
    _give_missing(id)
    sent = {"consultation": id, "sent_at": {"$exists": True}, "receipt": {"$exists": True}}
    found = responses().find(sent, {"receipt.sha256": 1}, batch_size=5000)
    listed = sorted(one["receipt"]["sha256"] for one in found)
    results().update_one(
        {"_id": list_id(id)},
        {"$setOnInsert": {"receipts": [bytes.fromhex(one) for one in listed], "v": 1}},
        upsert=True,
    )
    stored = list(_stored(id))  # those of another process, where it came first
    root: Root = {"sha256": sha256(written(stored)), "number": len(stored), "at": now()}
    consultations().update_one({"_id": id, "root": {"$exists": False}}, {"$set": {"root": root}})
    consultation["root"] = root  # for whoever has read it before


def _give_missing(consultation_id: ObjectId) -> None:
    sent: Query = {"consultation": consultation_id, "sent_at": {"$exists": True}}
    for response in responses().find(sent | {"receipt": {"$exists": False}}):
        unmoved = {"_id": response["_id"], "v": response["v"]}
        given = {"$set": {"receipt": receipt_of(response)}, "$inc": {"v": 1}}
        responses().update_one(unmoved, given)


def list_id(consultation_id: object) -> str:
    return f"receipts:{consultation_id}"


def _stored(consultation_id: ObjectId) -> Iterator[str]:
    found = results().find_one({"_id": list_id(consultation_id)}, {"receipts": 1})
    for one in found.get("receipts", ()) if found else ():
        yield one.hex()


def published_list(consultation: Consultation) -> bytes | None:
    """Return the list as it is published; None until it is fixed."""
    if not consultation.get("root"):
        return None
    return written(list(_stored(consultation["_id"])))


def written(receipts: list[str]) -> bytes:
    return "".join(f"{one}\n" for one in receipts).encode()


def is_listed(consultation: Consultation, receipt: str) -> bool:
    """Check whether a receipt is in the list."""
    try:
        wanted = bytes.fromhex(receipt.strip())
    except ValueError:
        return False
    where = {"_id": list_id(consultation["_id"]), "receipts": wanted}
    return results().find_one(where, {"_id": 1}) is not None


def count(consultation_id: ObjectId, what: str, number: int = 1) -> None:
    """Count what happens to answers once the list is fixed; nothing before that."""
    if number:
        fixed = {"_id": consultation_id, "root": {"$exists": True}}
        consultations().update_one(fixed, {"$inc": {f"since_root.{what}": number}})


def shown(consultation: Consultation) -> Shown | None:
    """Show the root, and what has happened since; None until the list is fixed."""
    root = consultation.get("root")
    if not root:
        return None
    since = consultation.get("since_root") or {}
    return {
        "sha256": root["sha256"],
        "number": root["number"],
        "at": iso(root["at"]),
        "since": {what: since.get(what, 0) for what in (ERASED, REDACTED, ENTERED)},
    }


# --- For an auditor -------------------------------------------------------------------------------


@dataclass
class Audit:
    """What an auditor finds. `root_holds`: the stored list has the published root; `unchanged`:
    answers that have their receipt, which is in the list; `redacted`: answers of which moderation
    changed words; `entered`: answers that are not in the list; `erased`: receipts in the list whose
    answer has no words any longer, or is gone; `changed`: the ids of answers that do not have their
    receipt, for no reason that is known."""

    root_holds: bool
    unchanged: int = 0
    redacted: int = 0
    entered: int = 0
    erased: int = 0
    changed: list[str] = field(default_factory=list)


def audit(consultation: Consultation) -> Audit:
    """Compute all receipts again from the answers that are stored."""
    listed = set(_stored(consultation["_id"]))
    root = consultation.get("root")
    same = root is not None and sha256(written(sorted(listed))) == root["sha256"]
    found = Audit(root_holds=same)
    sent = {"consultation": consultation["_id"], "sent_at": {"$exists": True}}
    for response in responses().find(sent, batch_size=1000):
        receipt = response.get("receipt")
        if receipt is None or receipt["sha256"] not in listed:
            found.entered += 1
            continue
        listed.discard(receipt["sha256"])
        _judge(response, receipt, found)
    found.erased += len(listed)
    return found


def _judge(response: Response, receipt: Receipt, found: Audit) -> None:
    if response.get("deleted"):
        found.erased += 1
    elif receipt.get("redacted"):
        found.redacted += 1
    elif sha256(answer(response, receipt.get("salt", ""))) == receipt["sha256"]:
        found.unchanged += 1
    else:
        found.changed.append(str(response["_id"]))
