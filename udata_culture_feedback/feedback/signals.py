"""What others may listen to."""

from blinker import Namespace

namespace = Namespace()

#: A feedback was submitted, edited, hidden or erased. Sender: its id; `dataset`: the dataset's;
#: `erased`: its words are gone for good; `new`: the feedback itself, where it has just been given:
#: nothing has been said or decided of it yet.
on_feedback_changed = namespace.signal("culture-feedback-changed")

#: The same, later and in a task, for what takes its time. Sender: its id. Nobody hears of feedback
#: that is given without words.
on_feedback_followed = namespace.signal("culture-feedback-followed")

#: The producing side has moved or answered a feedback, here or in its discussion. Sender: its id.
on_feedback_treated = namespace.signal("culture-feedback-treated")
