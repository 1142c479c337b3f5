"""Releases on paper: what a policy would do, before it is trusted. numpy is used here and nowhere else in the package."""
