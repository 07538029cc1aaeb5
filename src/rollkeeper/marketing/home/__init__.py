"""Home: how fresh everything is, and what needs a person."""
