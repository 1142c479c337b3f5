"""Git, the real one, through its own program: reads only, and never the user's work tree or index."""

from penstock.providers.git.forge import Author, GitForge

__all__ = ["Author", "GitForge"]
