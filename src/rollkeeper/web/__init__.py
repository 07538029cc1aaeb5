"""What both sites share: settings, look, sign-in, paging. It knows nothing of constituents or subscribers."""
