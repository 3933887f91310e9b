"""Counters that stay exact: the settle protocol, recounting, metrics of udata."""
