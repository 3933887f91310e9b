"""Bad days, with real processes: mongod, gunicorn, a Celery worker, Redis and SMTP that are killed,
stopped, filled up or set to another time. Run by `make test-faults`, which writes
docs/reliability.md."""
