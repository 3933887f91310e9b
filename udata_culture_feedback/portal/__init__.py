"""Bridge to udata, and the only one: catalogue, permissions, languages, queues, collections."""
