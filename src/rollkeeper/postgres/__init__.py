"""PostgreSQL: where the server is, the embedded one, and rows in and out in bulk."""
