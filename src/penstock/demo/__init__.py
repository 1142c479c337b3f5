"""A small service that ships with Penstock, and its release under load."""
