"""The moderators' queue, their decisions and the journal of decisions. It reads the domains; no
domain imports it (`contributions.review_rules` decides what has to wait)."""
