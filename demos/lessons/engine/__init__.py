"""The engine of the lessons, at four of its states: what the lessons define, word for word, collected."""
