"""What each person controls of what they said: see it, correct it, take it along, erase it."""
