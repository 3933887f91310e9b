"""Declare the signals that the rooms around contributions may listen to."""

from blinker import Namespace

namespace = Namespace()

#: A moderator has decided. Sender: the batch; `changes`: for each contribution its `Moderated`,
#: and what it was before and is after, whose `moderated` is the decision.
on_decided = namespace.signal("culture-feedback-decided")

#: A domain lets its team decide about words on a page of its own. Sender: their `Moderated`; `id`,
#: `how` (makes the changed contribution, but for its `moderated`), `decision`, `reason`, `by`.
on_decided_in_place = namespace.signal("culture-feedback-decided-in-place")

#: Words are gone for good, by their author's will or with what they were part of. Sender: a list
#: of their ids. What others have said about them, which may quote them, goes too.
on_words_gone = namespace.signal("culture-feedback-words-gone")

#: An author contests a decision. Sender: its id.
on_appealed = namespace.signal("culture-feedback-appealed")

#: An appeal was answered. Sender: the id of the decision; `appeal`: as stored.
on_appeal_answered = namespace.signal("culture-feedback-appeal-answered")
