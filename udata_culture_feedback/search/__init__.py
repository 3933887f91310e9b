"""Find what exists: terms, index, ranking, unmet searches."""
