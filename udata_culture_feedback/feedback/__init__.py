"""One contributor's answer about one dataset (or one of its files), and its summaries."""
