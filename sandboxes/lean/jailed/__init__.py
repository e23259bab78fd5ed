"""What runs in the jails of Lean: our own code around its shared library.

Standard library only.
"""
