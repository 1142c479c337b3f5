"""Where secrets' values come from, and the one file in which a release keeps them."""

from penstock.providers.secrets.references import ReferenceSecrets

__all__ = ["ReferenceSecrets"]
