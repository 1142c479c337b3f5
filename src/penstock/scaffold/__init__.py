"""The first manifest: what lies in a repository is looked at, and what it says is written down with its source."""
