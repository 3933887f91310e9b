"""What others may listen to. The sender is the id of the consultation."""

from blinker import Namespace

namespace = Namespace()

#: An answer was sent, changed or taken back. `response`: its id.
on_response_changed = namespace.signal("culture-feedback-consultation-response")

#: The synthesis is there for everybody. May be sent twice.
on_synthesis_published = namespace.signal("culture-feedback-consultation-synthesis")
