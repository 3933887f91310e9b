"""What others may listen to."""

from blinker import Namespace

namespace = Namespace()

#: A feedback was submitted, edited, hidden or erased. Sender: its id; `dataset`: the dataset's;
#: `erased`: its words are gone for good.
on_feedback_changed = namespace.signal("culture-feedback-changed")

#: The producing side has moved or answered a feedback, here or in its discussion. Sender: its id.
on_feedback_treated = namespace.signal("culture-feedback-treated")
