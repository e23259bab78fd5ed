"""Provers and model finders as engines in jails: what they are told, and what they answer.

No text of a caller's reaches a solver. Formulas are written anew with generated names, since
solvers do more with text than prove: E reads files that an `include` names, Z3 and cvc5 write to
files that an option names.
"""
