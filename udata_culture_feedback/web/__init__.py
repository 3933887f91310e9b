"""Plumbing of JSON routes, pages, files and charts."""
