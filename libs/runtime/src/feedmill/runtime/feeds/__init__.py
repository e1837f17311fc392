"""Home feeds in Postgres: what is pushed to whom, kept right and told apart from what is pulled."""
