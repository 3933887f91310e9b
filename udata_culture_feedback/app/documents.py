"""List every document class of the plugin: `udata feedback init` builds their indexes."""

from __future__ import annotations

from ..consultations import models as consultation_models
from ..contributions.adoption import CultureFeedbackAdoption, CultureFeedbackGoneDataset
from ..contributions.embedded_texts import CultureFeedbackWords
from ..contributions.imports import CultureFeedbackImport, CultureFeedbackImportPart
from ..contributions.organization_settings import CultureFeedbackOrganizationSettings
from ..contributions.review_rules import CultureFeedbackRepeated
from ..dashboard.saved_views import CultureFeedbackSavedView
from ..dashboard.subscriptions import CultureFeedbackSubscription
from ..data_requests import models as request_models
from ..data_requests.dataset_matches import CultureFeedbackMatch
from ..email_confirmation.confirmation import CultureFeedbackUnconfirmed
from ..feedback import models
from ..feedback.answer_templates import CultureFeedbackAnswerTemplate
from ..feedback.pending_answers import CultureFeedbackPendingAnswers
from ..feedback.reassessment import CultureFeedbackAsked
from ..mail.account_deletion import CultureFeedbackLeaving
from ..mail.models import CultureFeedbackOutbox
from ..mail.unsubscribe import CultureFeedbackUnsubscribed
from ..moderation import models as moderation_models
from ..my_data.access_link import CultureFeedbackVisit
from ..opendata.models import CultureFeedbackPublished
from ..people import roles
from ..people.contacts import CultureFeedbackContact, CultureFeedbackPepper
from ..people.proof import CultureFeedbackSpent
from ..people.submissions import CultureFeedbackDeleted
from ..portal.job_runs import CultureFeedbackRun
from ..search.index import CultureFeedbackTerms, CultureFeedbackWord
from ..search.unmet_searches import CultureFeedbackUnmet

DOCUMENTS = (
    models.CultureFeedbackFeedback,
    models.CultureFeedbackSummary,
    CultureFeedbackDeleted,
    request_models.CultureFeedbackRequest,
    request_models.CultureFeedbackSupport,
    request_models.CultureFeedbackRequestFigures,
    request_models.CultureFeedbackRequestMessage,
    request_models.CultureFeedbackFollow,
    CultureFeedbackMatch,
    consultation_models.CultureFeedbackConsultation,
    consultation_models.CultureFeedbackResponse,
    consultation_models.CultureFeedbackCollected,
    consultation_models.CultureFeedbackResults,
    consultation_models.CultureFeedbackFollower,
    CultureFeedbackImport,
    CultureFeedbackImportPart,
    CultureFeedbackPublished,
    CultureFeedbackAnswerTemplate,
    CultureFeedbackPendingAnswers,
    CultureFeedbackAsked,
    CultureFeedbackSubscription,
    CultureFeedbackSavedView,
    CultureFeedbackOrganizationSettings,
    CultureFeedbackOutbox,
    CultureFeedbackUnsubscribed,
    CultureFeedbackContact,
    CultureFeedbackPepper,
    CultureFeedbackUnconfirmed,
    CultureFeedbackVisit,
    CultureFeedbackLeaving,
    CultureFeedbackSpent,
    CultureFeedbackTerms,
    CultureFeedbackWord,
    CultureFeedbackUnmet,
    CultureFeedbackRepeated,
    CultureFeedbackRun,
    CultureFeedbackGoneDataset,
    CultureFeedbackAdoption,
    roles.CultureFeedbackModerator,
    moderation_models.CultureFeedbackDecision,
    CultureFeedbackWords,
    moderation_models.CultureFeedbackBulk,
    moderation_models.CultureFeedbackClaim,
    moderation_models.CultureFeedbackFlag,
    moderation_models.CultureFeedbackAppeal,
    moderation_models.CultureFeedbackTransparency,
)
