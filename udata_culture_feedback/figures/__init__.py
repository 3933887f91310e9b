"""Keep counters exact: the settle protocol, recounting, udata's metrics."""
