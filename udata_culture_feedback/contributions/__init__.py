"""What the three domains share: kinds, review rules, text checks, native discussions."""
