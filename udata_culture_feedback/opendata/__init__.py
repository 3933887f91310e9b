"""Publish open data: what our files have in common, and how they become a dataset of udata."""
