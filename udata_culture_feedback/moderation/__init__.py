"""The queue of moderators, what they decide, and the journal of it. It reads the domains; no domain
knows it (see `publication` for the rule that makes something wait)."""
