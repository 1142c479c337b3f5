"""Penstock takes one revision of a service to one environment, the way a careful release engineer would."""
