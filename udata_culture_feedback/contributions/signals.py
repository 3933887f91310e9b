"""What others may listen to."""

from blinker import Namespace

namespace = Namespace()

#: A moderator has decided. Sender: the batch; `changes`: for each contribution its class
#: (`classes.Moderated`), and what it was before and is after, whose `moderated` is the decision.
on_decided = namespace.signal("culture-feedback-decided")

#: An author contests a decision. Sender: its id.
on_appealed = namespace.signal("culture-feedback-appealed")

#: An appeal was answered. Sender: the id of the decision; `appeal`: as stored.
on_appeal_answered = namespace.signal("culture-feedback-appeal-answered")
