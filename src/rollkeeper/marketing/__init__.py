"""The marketing site: the e-mail marketing platform (Informz's part), with the bridge in it."""
