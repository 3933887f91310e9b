"""The signals of requests."""

from blinker import Namespace

namespace = Namespace()

#: A request was made, edited, moved, supported or deleted (`removed`), or a message about it was
#: deleted (`erased`: its id). `carried`: only its supports changed, and nothing is due. Sender: the
#: id of the request.
on_request_changed = namespace.signal("culture-feedback-request-changed")

# Announcements (see `events`): sent from a task, perhaps twice. Sender: the id of the request;
# `request`: its current state.

#: A request was received.
on_request_received = namespace.signal("culture-feedback-request-received")

#: A request was made, and waits for a moderator.
on_request_waits = namespace.signal("culture-feedback-request-waits")

#: A request moved. `entry`: the entry of its history; `number`: its number, from 1.
on_request_moved = namespace.signal("culture-feedback-request-moved")

#: The answer to a request is late: sent once.
on_request_overdue = namespace.signal("culture-feedback-request-overdue")

#: The deadline of a clarification is near: sent once for each. `number`: the entry that asked.
on_clarification_reminder = namespace.signal("culture-feedback-clarification-reminder")

#: Somebody wrote about a request. `message`: as stored.
on_request_message = namespace.signal("culture-feedback-request-message")
