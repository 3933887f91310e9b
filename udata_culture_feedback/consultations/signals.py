"""Signals of consultations. The sender is the id of the consultation."""

from blinker import Namespace

namespace = Namespace()

#: An answer was sent, changed or withdrawn. `response`: its id.
on_response_changed = namespace.signal("culture-feedback-consultation-response")

#: The synthesis was published. May be sent twice.
on_synthesis_published = namespace.signal("culture-feedback-consultation-synthesis")

#: The results of a closed consultation were asked for, and are not collected yet.
on_results_wanted = namespace.signal("culture-feedback-consultation-results-wanted")

#: The team wants the results published as open data, which takes too long for a request.
on_publication_wanted = namespace.signal("culture-feedback-consultation-publication-wanted")

#: It has closed, and its free texts, no longer sealed, wait for moderation. May be sent
#: twice.
on_consultation_collected = namespace.signal("culture-feedback-consultation-collected")

#: The team, or a moderator, decided about a text on the page of results. `text`: its id;
#: `before`, `after`: its states; `by`: the viewer; `reason`: where it is hidden.
on_text_moderated = namespace.signal("culture-feedback-consultation-text")
