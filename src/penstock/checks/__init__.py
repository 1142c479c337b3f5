"""One file per kind of check: its section, what it asks, how it judges. Nobody imports one: the registry finds it."""
