"""Wire the rooms together: routes, tasks, commands, migrations, the nightly job. No room imports
this one."""
