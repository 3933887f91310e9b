"""What others may listen to. The sender is the id of the consultation."""

from blinker import Namespace

namespace = Namespace()

#: An answer was sent, changed or taken back. `response`: its id.
on_response_changed = namespace.signal("culture-feedback-consultation-response")

#: The synthesis is there for everybody. May be sent twice.
on_synthesis_published = namespace.signal("culture-feedback-consultation-synthesis")

#: It has closed, and its free texts are no longer sealed: they wait for moderation. May be sent
#: twice.
on_consultation_collected = namespace.signal("culture-feedback-consultation-collected")

#: Its team, or a moderator, has decided about a text on the page of results. `text`: its id;
#: `before`, `after`: its states; `by`: the viewer; `reason`: where it is hidden.
on_text_moderated = namespace.signal("culture-feedback-consultation-text")
