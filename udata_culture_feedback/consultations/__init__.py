"""A time-boxed public consultation: its scope and questions, who answers, and what comes of it."""
