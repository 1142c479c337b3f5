"""The manifest: what a service is, and how it is released. Pure: text in, a value or every problem out."""

from penstock.manifest.environment import CheckEntry, Environment, Kinds, Manifest, TargetEntry
from penstock.manifest.read import read
from penstock.manifest.render import render_problems

__all__ = ["CheckEntry", "Environment", "Kinds", "Manifest", "TargetEntry", "read", "render_problems"]
