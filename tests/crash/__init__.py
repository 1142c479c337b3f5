"""Killing things at every boundary of a release, and looking at what is left."""
