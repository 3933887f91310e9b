"""What others may listen to."""

from blinker import Namespace

namespace = Namespace()

#: A feedback was submitted, edited, hidden or erased. Sender: its id; `dataset`: the dataset's.
on_feedback_changed = namespace.signal("culture-feedback-changed")
