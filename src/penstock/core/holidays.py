"""Public holidays, as the library `holidays` knows them."""

from __future__ import annotations

from datetime import date
from functools import cache


@cache
def of_year(country: str, region: str, year: int) -> dict[date, str]:
    """The holidays of a year, and what they are called."""
    from holidays import country_holidays  # heavy, and asked by few

    found = country_holidays(country, subdiv=region or None, years=year, language="en_US")
    return {day: name for day, name in found.items() if day.year == year}
