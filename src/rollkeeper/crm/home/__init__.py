"""Home of the CRM site: how many, what ran last, what needs a person."""
