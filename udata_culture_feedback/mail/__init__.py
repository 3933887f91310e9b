"""Send our mails: outbox, digest, unsubscribing."""
