"""What runs in the jails of solvers: our own code around an engine. Solver or library apart,
standard library only.
"""
