"""The CRM site: the association's system of record (Personify360's part)."""
