"""What a producer sees: what waits for them, what their users think, what to do first."""
