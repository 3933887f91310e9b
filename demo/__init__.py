"""An embedded portal with a sample cultural catalogue, for trying the plugin and for its tests.

Nothing of this package is loaded by udata: it is started with ``python -m
demo`` and needs the ``demo`` extra.

=================  ===========================================================
module             what lives there
=================  ===========================================================
child_process      children that cannot outlive their parent
mongod             the embedded MongoDB
accounts           the people of the demo, and their password
catalogue          the organizations and datasets (``catalogue.toml``)
opinions, record   a few hundred sample answers (``opinions.toml``)
consultations      two sample consultations (``consultations.toml``)
requests           forty sample requests for data (``requests.toml``)
portal             udata and the stand-in front-end behind one address
stand_in           the stand-in front-end (``frontend/``)
background         a whole demo in a process of its own, for browser tests
=================  ===========================================================
"""
