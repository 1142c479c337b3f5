"""What we measure, each beside its peers or a floor, in one run. `python -m bench [NAME …]` prints tables."""
