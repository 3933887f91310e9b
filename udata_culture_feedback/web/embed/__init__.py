"""How all this reaches a page that is not ours: the loader, fragments, static parts."""
