"""The cost of our answers beside udata's own: ratios of CPU time, measured side by side in one run
(`python -m benchmarks`, or `make bench`)."""
