"""Know the person behind a contribution: an account, an organization, a confirmed e-mail address,
an anonymous browser."""
