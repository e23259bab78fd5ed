"""Our own code that runs in every jail. Standard library only."""
