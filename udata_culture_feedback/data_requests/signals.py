"""What others may listen to."""

from blinker import Namespace

namespace = Namespace()

#: A request was made, edited, moved, supported or deleted (`removed`), or a message about it was
#: (`erased`: the id of that). `carried`: it was supported, nothing else has changed and nothing
#: waits. Sender: its id.
on_request_changed = namespace.signal("culture-feedback-request-changed")

# Announcements (see `announcements`): sent from a task, perhaps twice. Sender: the id of the
# request; `request`: the request as it stands.

#: A request was received.
on_request_received = namespace.signal("culture-feedback-request-received")

#: A request moved. `entry`: the entry of its history; `number`: which one, from 1.
on_request_moved = namespace.signal("culture-feedback-request-moved")

#: The answer to a request is late: told once.
on_request_overdue = namespace.signal("culture-feedback-request-overdue")

#: The deadline of a clarification is near: told once for each. `number`: the entry that asked.
on_clarification_reminder = namespace.signal("culture-feedback-clarification-reminder")

#: Somebody wrote about a request. `message`: as stored.
on_request_message = namespace.signal("culture-feedback-request-message")
