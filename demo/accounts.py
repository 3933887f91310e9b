"""The people of the demo: a few named roles to log in as, and the authors of sample feedback.

All share one password, which is no secret: the demo listens on this machine only.
"""

from __future__ import annotations

import unicodedata
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask_security.utils import hash_password
from udata.core.user.models import Role, User

PASSWORD = "Demo-2023"


@dataclass(frozen=True)
class Account:
    """A person of the demo.

    `organization` is the id of an organization of the catalogue, where they hold `position`: one of
    udata's "admin", "editor", "partial_editor". `part` describes their purpose in the demo; the
    authors of sample feedback have none.
    """

    email: str
    first_name: str
    last_name: str
    part: str = ""
    organization: str | None = None
    position: str | None = None
    language: str = "fr"
    sysadmin: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


CITIZEN = Account("citoyenne@demo.test", "Camille", "Martin", "citizen")
SECOND_CITIZEN = Account("citoyen@demo.test", "Malik", "Benali", "another citizen")
SPEAKER = Account(
    "association@demo.test", "Solène", "Le Gall",
    "citizen, may sign as an association", "patrimoine-ouvert", "admin",
)  # fmt: skip
VISITOR = Account("visitor@demo.test", "Emily", "Carter", "citizen, reads English", language="en")
PRODUCER = Account(
    "producteur@demo.test", "Hélène", "Fabre",
    "producer: admin of Ministère de la Culture", "ministere-culture", "admin",
)  # fmt: skip
EDITOR = Account(
    "editrice@demo.test", "Inès", "Delorme",
    "producer: editor of Ministère de la Culture", "ministere-culture", "editor",
)  # fmt: skip
PARTIAL_EDITOR = Account(
    "redacteur@demo.test", "Yann", "Kervella",
    "producer: partial editor, in charge of the museums' attendance",
    "ministere-culture", "partial_editor",
)  # fmt: skip
OTHER_PRODUCER = Account(
    "cnc@demo.test", "Thomas", "Reynaud", "producer: admin of the CNC", "cnc", "admin"
)
ENTHUSIAST = Account(
    "agenda@demo.test", "Lucie", "Haddad", "producer: owns a dataset in her own name"
)
MODERATOR = Account("moderation@demo.test", "Aïcha", "Diallo", "moderator")
CONSULTER = Account(
    "consultation@demo.test", "Nour", "Vidalenc", "member of the team of consultations"
)
ADMINISTRATOR = Account(
    "admin@demo.test", "Paul", "Girard", "administrator of the portal", sysadmin=True
)

NAMED = (
    CITIZEN,
    SECOND_CITIZEN,
    SPEAKER,
    VISITOR,
    PRODUCER,
    EDITOR,
    PARTIAL_EDITOR,
    OTHER_PRODUCER,
    ENTHUSIAST,
    MODERATOR,
    CONSULTER,
    ADMINISTRATOR,
)

_AUTHORS = """
Adèle Roussel, Adrien Lemoine, Agathe Perrin, Alban Castaing, Amandine Chevalier, Amina Cherif,
Anaïs Guillou, Antoine Vasseur, Arnaud Schmitt, Assia Boukhalfa, Aurélie Monnier, Awa Traoré,
Baptiste Carpentier, Bérénice Aubert, Bruno Ferreira, Candice Leclercq, Cédric Noël, Chiara Rossi,
Chloé Barbier, Claire Etcheverry, Clément Jacquot, Daniel Weiss, Delphine Marchand, Diane Picard,
Djibril Sarr, Élise Fontaine, Émile Bertin, Estelle Pham, Étienne Rolland, Fanny Maillard,
Farid Mansouri, Florent Dupuis, Gaëlle Tanguy, Grégoire Salomon, Guilhem Sicard, Hakim Ziani,
Hugo Pasquier, Ibrahima Ndiaye, Irène Kowalski, Jeanne Tessier, Joël Hoarau, Joséphine Arnaud,
Juliette Blanchard, Karim Ouali, Laetitia Payet, Laure Bonnard, Léo Grandjean, Leïla Amrani,
Lison Meunier, Loïc Le Bihan, Louise Peltier, Magali Estève, Manon Dujardin, Marc Altmann,
Mathilde Coste, Maud Gaillard, Mehdi Saïdi, Mélanie Brun, Minh Nguyen, Nadège Courtois,
Nicolas Poirier, Noémie Vidal, Olivier Charrier, Pascale Humbert, Quentin Marty, Rachel Cohen,
Romane Lacroix, Sarah Kessler, Sofia Mendes, Tristan Bouvier, Valentine Rey, Yasmine Khelifi
"""


def _ascii(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.lower())
    return "".join(c for c in decomposed if c.isascii() and c.isalpha())


def _author(name: str) -> Account:
    first, _, last = name.strip().partition(" ")
    return Account(f"{_ascii(first)}.{_ascii(last)}@demo.test", first, last)


AUTHORS = tuple(_author(name) for name in _AUTHORS.replace("\n", " ").split(","))
"""Ordinary accounts: none of them is a member of an organization."""

NEWCOMERS = tuple(
    Account(f"usager{number}@demo.test", "Usager", f"Nouveau {number}") for number in range(1, 101)
)
"""The same, and nobody has heard of them yet: they have said nothing."""


def load_accounts() -> int:
    """Create the missing accounts. Return how many were created."""
    known = set(User.objects.scalar("email"))
    missing = [account for account in (*NAMED, *AUTHORS, *NEWCOMERS) if account.email not in known]
    if missing:
        password = hash_password(PASSWORD)  # slow by design, hence once for all accounts
        for age, account in enumerate(missing):
            _create(account, password, created_at=datetime.now(UTC) - timedelta(days=400 + age))
    return len(missing)


def find(account: Account) -> User:
    """Find the user of `account` in the database.

    :raises User.DoesNotExist: when the accounts are not loaded.
    """
    return User.objects.get(email=account.email)


def _create(account: Account, password: str, created_at: datetime) -> None:
    roles = [Role.objects.get_or_create(name=Role.ADMIN)[0]] if account.sysadmin else []
    User(
        email=account.email,
        first_name=account.first_name,
        last_name=account.last_name,
        password=password,
        active=True,
        confirmed_at=created_at,
        created_at=created_at,
        prefered_language=account.language,
        fs_uniquifier=uuid.uuid4().hex,
        roles=roles,
    ).save()
