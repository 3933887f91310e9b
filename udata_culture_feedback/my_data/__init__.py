"""What each person controls of their own contributions: see, correct, export and erase them."""
