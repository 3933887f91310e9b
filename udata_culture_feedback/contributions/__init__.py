"""Share what the three domains need: kinds, review rules, text checks, native discussions."""
