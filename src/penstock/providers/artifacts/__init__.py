"""What a build makes: folders, built where they stay, once for each commit and build section."""

from penstock.providers.artifacts.store import Store

__all__ = ["Store"]
