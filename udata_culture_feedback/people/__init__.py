"""Who speaks: an account, an organization's voice, a confirmed e-mail, nobody in particular."""
