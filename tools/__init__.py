"""Checks of the plugin from outside: beside udata's own tests, in other environments, in processes
with and without it. `make neighbour`, `make matrix` and `make import-cost` run them."""
