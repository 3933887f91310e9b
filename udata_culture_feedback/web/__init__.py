"""Provide the plumbing of JSON routes, pages, files and charts."""
