"""Wire the rooms together: routes, tasks, commands, migrations, the nightly job.

Nobody imports this room."""
