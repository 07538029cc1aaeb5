"""What changed in a list: facts kept of it, tokens that name a state of it, the changes since one (B1, B2)."""
