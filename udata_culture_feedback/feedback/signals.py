"""Signals of feedback that other rooms may connect to."""

from blinker import Namespace

namespace = Namespace()

#: A feedback was submitted, edited, hidden or erased. Sender: its id; `dataset`: the dataset's;
#: `erased`: its words are gone for good; `new`: the feedback itself, where it has just been given
#: and nothing has been decided about it yet.
on_feedback_changed = namespace.signal("culture-feedback-changed")

#: A feedback was submitted, edited, hidden or erased: sent later and from a task, for slow work.
#: Sender: its id. Not sent for new feedback without words.
on_feedback_followed = namespace.signal("culture-feedback-followed")

#: The producing side has moved or answered a feedback, here or in its discussion. Sender: its id.
on_feedback_treated = namespace.signal("culture-feedback-treated")
