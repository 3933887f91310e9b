"""What looks at the plugin from outside: beside udata's own tests, in other environments, in
processes that have it and processes that have not. `make neighbour`, `make matrix` and
`make import-cost` run it."""
