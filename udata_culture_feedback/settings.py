"""Defaults of every `CULTURE_FEEDBACK_*` setting.

udata does not load the settings of a plugin: `init_app` copies these into the configuration where
the portal's `udata.cfg` says nothing. Each is documented here, and `docs/operators.md` repeats it.
"""

# --- Addresses -----------------------------------------------------------------------------------

#: Address under which people see our pages, without a trailing slash, when the edge gives them a
#: prettier one than `/api/1/culture-feedback/pages` (`https://www.data.gouv.fr/avis`). Mails and
#: `self_web_url` use it. None: the address on udata itself.
CULTURE_FEEDBACK_PAGES_URL: str | None = None

#: Where people log in; `?next=` is added. None: `/login` of the front-end (`CDATA_BASE_URL`).
CULTURE_FEEDBACK_LOGIN_URL: str | None = None

#: Who may show our pages in a frame (`frame-ancestors` of the Content-Security-Policy).
CULTURE_FEEDBACK_FRAME_ANCESTORS: list[str] = ["'self'"]

#: What the loader puts on pages of a front-end by itself, besides its defaults: placement → True
#: (on), False (off), or what changes of it (`on`, `proof`, `at`; see docs/embedding.md). A
#: placement with another name is added. `data-` attributes of the script tag win.
CULTURE_FEEDBACK_PLACEMENTS: dict[str, bool | dict] = {}

#: Base of the IRIs of our own concepts (`<base>/axis/georeferencing`), without a trailing slash.
CULTURE_FEEDBACK_BASE_IRI = "https://www.data.culture.gouv.fr/def/culture-feedback"

# --- The portal, as the footer of whole pages names it --------------------------------------------

#: Name of the portal. None: the `SITE_TITLE` of udata.
CULTURE_FEEDBACK_PORTAL_NAME: str | None = None
#: Address of a logo, shown beside the name in whole pages.
CULTURE_FEEDBACK_LOGO_URL: str | None = None
#: Home page. None: `CDATA_BASE_URL`.
CULTURE_FEEDBACK_HOME_URL: str | None = None
#: Legal notice, privacy policy, accessibility statement: a link is shown where an address is given.
CULTURE_FEEDBACK_LEGAL_URL: str | None = None
CULTURE_FEEDBACK_PRIVACY_URL: str | None = None
CULTURE_FEEDBACK_ACCESSIBILITY_URL: str | None = None

# --- Privacy --------------------------------------------------------------------------------------

#: Who is responsible for what people give (GDPR, article 4): language → text, for the notices
#: beside forms and the page `pages/privacy/`. A consultation may say otherwise. Empty: not said,
#: and `udata feedback info` warns.
CULTURE_FEEDBACK_CONTROLLER: dict[str, str] = {}
#: How to reach the data protection officer, in the same places: language → text (an address, a
#: form). Empty: not said.
CULTURE_FEEDBACK_DPO: dict[str, str] = {}
#: The authority to which one complains (language → its name, as a sentence goes on with it), and
#: the address where one does.
CULTURE_FEEDBACK_AUTHORITY: dict[str, str] = {
    "fr": "la CNIL (Commission nationale de l’informatique et des libertés)",
    "en": "the CNIL, the French data protection authority",
}
CULTURE_FEEDBACK_AUTHORITY_URL: str | None = "https://www.cnil.fr/fr/plaintes"

# --- Mails ----------------------------------------------------------------------------------------

#: Time zone of the portal (a name of the IANA database): in which the dates of requests are
#: computed, and when a day or a week turns for who receives our mails at that rhythm.
CULTURE_FEEDBACK_TIMEZONE = "Europe/Paris"
#: Key that signs the links of mails and the tokens of people without an account, for instance
#: `python -c "import secrets; print(secrets.token_urlsafe(32))"`. Changing it breaks the links of
#: mails already sent. None: the links are signed by a key derived from the `SECRET_KEY` of udata,
#: and nobody takes part without an account.
CULTURE_FEEDBACK_TOKEN_KEY: str | None = None

# --- Without an account ---------------------------------------------------------------------------

#: What people without an account have to give, action by action ("feedback", "support", "request",
#: "response", "follow"): "proof" (their browser does a proof of work, or they confirm an e-mail
#: address), "email" (they confirm an e-mail address) or "off". Requests and follows need an address
#: at least. An action that is not named keeps its default: "proof", for requests and follows
#: "email". Nothing of this starts without the three keys: `CULTURE_FEEDBACK_TOKEN_KEY` (above) and
#: the two below.
CULTURE_FEEDBACK_WITHOUT_ACCOUNT: dict[str, str] = {}
#: Key that turns e-mail addresses into fingerprints, for instance `python -c "import secrets;
#: print(secrets.token_urlsafe(32))"`. Changing it makes a newcomer of everybody.
CULTURE_FEEDBACK_EMAIL_HASH_KEY: str | None = None
#: Keys that encrypt e-mail addresses, newest first: the first one encrypts, each of them decrypts.
#: `python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"` makes
#: one. To change it put a new one first; the nightly job encrypts what is in use again, and the
#: old one goes after `CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS`.
CULTURE_FEEDBACK_EMAIL_KEYS: list[str] = []
#: Work that a proof asks for: iterations of PBKDF2 for each attempt, and attempts at most (half of
#: them at least). With these a computer takes half a second, a modest phone a few.
CULTURE_FEEDBACK_PROOF_COST = 5_000
CULTURE_FEEDBACK_PROOF_ATTEMPTS = 500
#: Whether an answer to CaptchEtat (`captcha`: `{uuid, code}`) stands for a proof of work, where
#: udata has CaptchEtat configured.
CULTURE_FEEDBACK_CAPTCHETAT = False

# --- Vocabularies ---------------------------------------------------------------------------------

#: Replaces controlled vocabularies for a portal that is not about culture: list name ("axes",
#: "fitness", "profiles", "usages", "themes", "decline_reasons") → list of terms
#: `{"id": "…", "label": {"en": "…", "fr": "…"}}`; an axis has also `question` (per language),
#: `steps` (five labels, per language) and `dimension` (an IRI), and may have `short` (the question
#: in a word or two) with `short_values` (five answers to it). See `vocabulary.py`.
CULTURE_FEEDBACK_VOCABULARIES: dict[str, list[dict]] = {}
#: A TOML file with words of the search (synonyms, acronyms, weak words) that are added to ours, or
#: replace them: see `docs/search.md`. Read when a process starts. None: ours alone.
CULTURE_FEEDBACK_SEARCH_VOCABULARY: str | None = None

# --- Bounds ---------------------------------------------------------------------------------------

#: Longest comment, in characters; longer ones are refused with 413.
CULTURE_FEEDBACK_COMMENT_MAX_LENGTH = 15_000
#: Largest request body, in bytes; larger ones are refused with 413.
CULTURE_FEEDBACK_BODY_MAX_BYTES = 64 * 1024
#: Largest file to import, in bytes, sent by people who may; the proxy in front has to let it pass
#: (`client_max_body_size` of nginx).
CULTURE_FEEDBACK_IMPORT_MAX_BYTES = 50 * 1024 * 1024
#: Seconds that the database has for one request to our addresses; then the answer is 503, with what
#: was typed. Less than the web server gives a request (30 for gunicorn). None: as long as it takes.
CULTURE_FEEDBACK_DATABASE_SECONDS: float | None = 8
#: Feedback shown on one page of the widget.
CULTURE_FEEDBACK_WIDGET_PAGE_SIZE = 3
#: Seconds for which a process keeps what it has rendered for everybody, as long as the database
#: says the same; only names of people and organizations may be that much older. 0 keeps nothing.
CULTURE_FEEDBACK_RENDERED_SECONDS = 60
#: Writes that one contributor may attempt, refused ones included (notation of the `limits`
#: library); None lifts the limit.
CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR: str | None = "30 per 10 minutes"
#: The same for who manages what is written about: producers on their own datasets, moderators.
CULTURE_FEEDBACK_LIMIT_MANAGER: str | None = "600 per 10 minutes"
#: Contributions without an account to one dataset (or request), and to all of them. From half of it
#: proofs of work are four times as hard; over it, who has no account waits or confirms an e-mail
#: address. Nobody else is slowed.
CULTURE_FEEDBACK_LIMIT_TARGET: str | None = "300 per 10 minutes"
CULTURE_FEEDBACK_LIMIT_SITE: str | None = "3000 per 10 minutes"
#: Confirmation mails to one address (what is over is silently not sent: nobody is told who has
#: written), and to all of them. Links to what one has said (`P/me/`) have the same bounds, counted
#: apart.
CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS: str | None = "3 per day"
CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS_SITE: str | None = "1000 per hour"

# --- Ageing ---------------------------------------------------------------------------------------

#: Days between two changes of the files that age feedback, for a dataset whose declared period is a
#: month or more.
CULTURE_FEEDBACK_AGEING_DAYS = 7
#: The same where the declared period is under a month, or where none is declared.
CULTURE_FEEDBACK_AGEING_DAYS_FREQUENT = 365

# --- Producers ------------------------------------------------------------------------------------

#: Days after which comments that want an answer and have none are pointed out to the administrators
#: of the organization, once; an organization may choose others. None: never.
CULTURE_FEEDBACK_ESCALATE_DAYS: int | None = 30
#: The same to the desk (`CULTURE_FEEDBACK_DESK`, or the administrators of the portal). None: never.
CULTURE_FEEDBACK_ESCALATE_DESK_DAYS: int | None = None

# --- Requests -------------------------------------------------------------------------------------

#: Organization (id or slug) that deals with requests whose holder is unknown. None: moderators do.
CULTURE_FEEDBACK_DESK: str | None = None
#: Calendar months within which a holder commits to answer a request.
CULTURE_FEEDBACK_SERVICE_MONTHS = 1
#: Days given to answer a question about a request; the clock is paused meanwhile.
CULTURE_FEEDBACK_CLARIFY_DAYS = 15
#: Days before that deadline when the one reminder is sent.
CULTURE_FEEDBACK_CLARIFY_REMINDER_DAYS = 5
#: Whether requests here count as formal ones under access law, to public services and local
#: authorities: the appeal window is then shown. Have the texts read by the portal's lawyer.
CULTURE_FEEDBACK_FORMAL_REQUESTS = False
#: Months of silence that are a refusal, and months to appeal against it (France: CRPA R.311-13,
#: R.343-1).
CULTURE_FEEDBACK_APPEAL_SILENCE_MONTHS = 1
CULTURE_FEEDBACK_APPEAL_MONTHS = 2
#: Where an appeal is made: the online form of the CADA, and its postal address, one line of it in
#: each line. None: not shown.
CULTURE_FEEDBACK_APPEAL_FORM_URL: str | None = "https://www.cada.fr/formulaire-de-saisine"
CULTURE_FEEDBACK_APPEAL_ADDRESS: str | None = "TSA 50730\n75334 Paris Cedex 07"
#: Replaces sentences of the appeal (see `data_requests/appeal.py`): name → language → text.
CULTURE_FEEDBACK_APPEAL_TEXTS: dict[str, dict[str, str]] = {}

# --- Consultations --------------------------------------------------------------------------------

#: Minutes after the closing of a consultation during which an answer is accepted whose form was
#: opened before. Results, which are sealed until then, are there from its end.
CULTURE_FEEDBACK_CONSULTATION_GRACE = 15
#: Days before the closing when those who asked for it are reminded.
CULTURE_FEEDBACK_CONSULTATION_REMINDER_DAYS = 3
#: Who is responsible for the answers (GDPR), where a consultation does not say: language → text.
CULTURE_FEEDBACK_CONSULTATION_CONTROLLER: dict[str, str] = {}
#: How to reach the data protection officer about them, where a consultation does not say: language
#: → text.
CULTURE_FEEDBACK_CONSULTATION_DPO: dict[str, str] = {}
#: How long answers are kept, where a consultation does not say: language → text.
CULTURE_FEEDBACK_CONSULTATION_RETENTION: dict[str, str] = {}
#: Days after which an answer that was begun and never sent is erased, counted from the closing.
CULTURE_FEEDBACK_CONSULTATION_DRAFT_DAYS = 7

# --- Open data ------------------------------------------------------------------------------------

#: Licence of the datasets that we publish: an id of udata's. Where there is none such, udata's
#: default one.
CULTURE_FEEDBACK_OPEN_DATA_LICENSE: str | None = "lov2"
#: Tags of these datasets.
CULTURE_FEEDBACK_OPEN_DATA_TAGS: list[str] = ["avis-des-usagers", "culture"]
#: Organization (id or slug) under which the feedback and the requests of the whole portal are
#: published, every day, as a dataset. None: they are not; their files can be downloaded.
CULTURE_FEEDBACK_OPEN_DATA_ORGANIZATION: str | None = None

# --- Moderation -----------------------------------------------------------------------------------

#: Kinds of contributors whose words always wait for a moderator: "unverified" (a browser without an
#: account), "confirmed" (a confirmed e-mail address), "user" and "organization" (accounts). What
#: others write waits only if a check finds something. Ratings never wait.
CULTURE_FEEDBACK_MODERATED: list[str] = ["unverified", "confirmed"]
#: The checks: "email", "phone", "nir", "iban", "payment_card", "postal_address", "links",
#: "spam_words" (udata's SPAM_WORDS and SPAM_ALLOWED_LANGS), "repeated". Remove one and nothing
#: waits for it.
CULTURE_FEEDBACK_CHECKS: list[str] = [
    "email",
    "phone",
    "nir",
    "iban",
    "payment_card",
    "postal_address",
    "links",
    "spam_words",
    "repeated",
]
#: Links that a text may have without waiting.
CULTURE_FEEDBACK_MAX_LINKS = 2
#: Minutes during which a moderator keeps what they have taken, and can undo what they decided.
CULTURE_FEEDBACK_CLAIM_MINUTES = 10
CULTURE_FEEDBACK_UNDO_MINUTES = 30
#: Days after which hidden words are erased.
CULTURE_FEEDBACK_HIDDEN_WORDS_DAYS = 183
#: The portal's own charter of contributions, linked from every form. None: ours (`pages/charter/`).
CULTURE_FEEDBACK_CHARTER_URL: str | None = None

# --- Mails ----------------------------------------------------------------------------------------

#: Mails that one person receives one by one within a quarter of an hour; the rest waits for one
#: mail about all of it. Receipts and deadlines never wait. None: no limit.
CULTURE_FEEDBACK_MAILS_AT_ONCE: int | None = 3

# --- Retention ------------------------------------------------------------------------------------

#: Days after which a search that found nothing, and that nobody has made since, is erased. One seen
#: less than five times is erased after 30 days in any case.
CULTURE_FEEDBACK_UNMET_DAYS = 180
#: Days for which feedback on a dataset that udata has purged is kept, unlisted, in case the dataset
#: comes back under another id (see `udata feedback adopt`). 0: it is deleted at once.
CULTURE_FEEDBACK_PURGED_DAYS = 90
#: Days for which the e-mail address of somebody who asked for data without an account is kept once
#: the request is closed.
CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS = 90
#: Days between two mails that ask somebody who asked for data without an account whether they are
#: still interested, while the request is open. Who does not answer within 60 days is not written to
#: any more, and the address is erased.
CULTURE_FEEDBACK_STILL_INTERESTED_DAYS = 365
#: Days for which the e-mail address of somebody without an account is kept who gave feedback and
#: asked to be told what becomes of it.
CULTURE_FEEDBACK_FEEDBACK_EMAIL_DAYS = 365
#: Days after the synthesis of a consultation when the addresses of those who asked for it are
#: erased, and who asked is forgotten.
CULTURE_FEEDBACK_CONSULTATION_EMAIL_DAYS = 31
#: Days after the closing of a consultation when the pepper of its fingerprints is destroyed: whose
#: address answered cannot be told any more, by anybody.
CULTURE_FEEDBACK_CONSULTATION_FINGERPRINT_DAYS = 365
#: Days during which a repeated POST of a deleted contribution is answered 410. Only a hash is kept.
CULTURE_FEEDBACK_DELETED_SUBMISSION_DAYS = 30

# --- Monitoring -----------------------------------------------------------------------------------

#: Level from which our log is shown, by web servers, workers and commands alike: "INFO" shows what
#: happens, an event a line. On the standard error where nothing else takes it. None: warnings only.
CULTURE_FEEDBACK_LOG_LEVEL: str | None = None

#: The bearer token under which Prometheus reads `P/metrics`, where `prometheus_client` is installed
#: (`pip install "udata-culture-feedback[metrics]"`). None: there is no such page.
CULTURE_FEEDBACK_METRICS_TOKEN: str | None = None
