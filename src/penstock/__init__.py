"""Penstock takes one revision of a service to one environment, the way a careful release engineer would."""

__version__ = "0.1.0"
