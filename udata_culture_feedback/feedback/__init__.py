"""Feedback: one contributor's opinion on one dataset (or one of its files), and the summaries of
all."""
