"""The only bridge to udata: catalogue, permissions, languages, queues, collections."""
