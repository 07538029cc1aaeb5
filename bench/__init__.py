"""What a sync costs, beside the least that this machine could do it for: `python -m bench`. See README.md."""
