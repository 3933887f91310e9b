"""The gettext catalogues: udata finds them here through its `udata.i18n` entry point."""
