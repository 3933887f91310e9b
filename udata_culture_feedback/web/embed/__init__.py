"""Bring our pages to pages that are not ours: the loader, fragments, static parts."""
