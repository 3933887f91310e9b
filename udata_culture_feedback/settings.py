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

#: Base of the IRIs of our own concepts (`<base>/axis/georeferencing`), without a trailing slash.
CULTURE_FEEDBACK_BASE_IRI = "https://www.data.culture.gouv.fr/def/culture-feedback"

# --- The portal, as the footer of whole pages names it --------------------------------------------

#: Name of the portal. None: the `SITE_TITLE` of udata.
CULTURE_FEEDBACK_PORTAL_NAME: str | None = None
#: Home page. None: `CDATA_BASE_URL`.
CULTURE_FEEDBACK_HOME_URL: str | None = None
#: Legal notice, privacy policy, accessibility statement: a link is shown where an address is given.
CULTURE_FEEDBACK_LEGAL_URL: str | None = None
CULTURE_FEEDBACK_PRIVACY_URL: str | None = None
CULTURE_FEEDBACK_ACCESSIBILITY_URL: str | None = None

# --- Mails ----------------------------------------------------------------------------------------

#: Time zone of the portal (a name of the IANA database): in which the dates of requests are
#: computed, and when a day or a week turns for who receives our mails at that rhythm.
CULTURE_FEEDBACK_TIMEZONE = "Europe/Paris"
#: Key that signs the links of mails, for instance `python -c "import secrets;
#: print(secrets.token_urlsafe(32))"`. Changing it breaks the links of mails already sent. None: a
#: key derived from the `SECRET_KEY` of udata.
CULTURE_FEEDBACK_TOKEN_KEY: str | None = None

# --- Vocabularies ---------------------------------------------------------------------------------

#: Replaces controlled vocabularies for a portal that is not about culture: list name ("axes",
#: "fitness", "profiles", "usages", "themes", "decline_reasons") → list of terms
#: `{"id": "…", "label": {"en": "…", "fr": "…"}}`; an axis has also `question` (per language),
#: `steps` (five labels, per language) and `dimension` (an IRI). See `vocabulary.py`.
CULTURE_FEEDBACK_VOCABULARIES: dict[str, list[dict]] = {}

# --- Bounds ---------------------------------------------------------------------------------------

#: Longest comment, in characters; longer ones are refused with 413.
CULTURE_FEEDBACK_COMMENT_MAX_LENGTH = 15_000
#: Largest request body, in bytes; larger ones are refused with 413.
CULTURE_FEEDBACK_BODY_MAX_BYTES = 64 * 1024
#: Feedback shown on one page of the widget.
CULTURE_FEEDBACK_WIDGET_PAGE_SIZE = 5
#: Writes that one contributor may attempt, refused ones included (notation of the `limits`
#: library); None lifts the limit.
CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR: str | None = "30 per 10 minutes"
#: The same for who manages what is written about: producers on their own datasets, moderators.
CULTURE_FEEDBACK_LIMIT_MANAGER: str | None = "600 per 10 minutes"

# --- Ageing ---------------------------------------------------------------------------------------

#: Days between two changes of the files that age feedback, for a dataset whose declared period is a
#: month or more.
CULTURE_FEEDBACK_AGEING_DAYS = 7
#: The same where the declared period is under a month, or where none is declared.
CULTURE_FEEDBACK_AGEING_DAYS_FREQUENT = 365

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
#: Replaces sentences of the appeal (see `data_requests/appeal.py`): name → language → text.
CULTURE_FEEDBACK_APPEAL_TEXTS: dict[str, dict[str, str]] = {}

# --- Retention ------------------------------------------------------------------------------------

#: Days during which a repeated POST of a deleted contribution is answered 410. Only a hash is kept.
CULTURE_FEEDBACK_DELETED_SUBMISSION_DAYS = 30
