"""Readings that somebody else counts: a Prometheus, a JSON endpoint, a file."""
