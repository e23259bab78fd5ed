"""Our own code that runs in the jails of Python tests. Standard library only."""
