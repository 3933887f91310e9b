"""Mails of ours: outbox, digest, unsubscribing."""
