"""Ways of storing members, tried beside each other: `python -m bench.designs`. See docs/decisions/013."""
