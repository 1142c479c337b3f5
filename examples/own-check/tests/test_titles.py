"""The check `titles` keeps the laws that every check must keep, and its own."""

import pytest
from penstock.testing.check_conformance import LAWS, Subject

from penstock_titles import TitlesCheck, TitlesSection, titled

SUBJECT = Subject("titles", TitlesCheck(), TitlesSection, ({}, {"folder": "site"}))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_law(law, tmp_path):
    """Asked where nothing is there, or something is wrong, it answers as every check must."""
    law(SUBJECT, tmp_path)


def test_a_title_says_something():
    """An empty title is none."""
    assert titled("<html><title>Hello</title>")
    assert not titled("<html><title> </title>")
