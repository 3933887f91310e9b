"""The dashboard of a producer: what waits for an answer, what users think, what to do first."""
