"""One folder per platform. Nobody imports a provider: the registry finds it by name."""
