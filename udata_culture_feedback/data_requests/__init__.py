"""Requests for data: their statuses, service date and supports, from the question to the
publication."""
