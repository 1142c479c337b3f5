"""Penstock takes one revision of a service to one environment, the way a careful release engineer would.

`penstock.api` has the verbs of the command line as functions.
"""

__version__ = "0.1.0"
