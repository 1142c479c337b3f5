"""A sample service with planted faults, its twin without, and what every check has to say about both."""
