"""What others may listen to. The sender is the id of the consultation."""

from blinker import Namespace

namespace = Namespace()

#: An answer was sent, changed or taken back. `response`: its id.
on_response_changed = namespace.signal("culture-feedback-consultation-response")

#: The synthesis is there for everybody. May be sent twice.
on_synthesis_published = namespace.signal("culture-feedback-consultation-synthesis")

#: Somebody wants the results of a consultation that has closed, and they are not collected yet.
on_results_wanted = namespace.signal("culture-feedback-consultation-results-wanted")

#: Its team wants the results published as open data, which takes longer than a request may.
on_publication_wanted = namespace.signal("culture-feedback-consultation-publication-wanted")

#: It has closed, and its free texts are no longer sealed: they wait for moderation. May be sent
#: twice.
on_consultation_collected = namespace.signal("culture-feedback-consultation-collected")

#: Its team, or a moderator, has decided about a text on the page of results. `text`: its id;
#: `before`, `after`: its states; `by`: the viewer; `reason`: where it is hidden.
on_text_moderated = namespace.signal("culture-feedback-consultation-text")
