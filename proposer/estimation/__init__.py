"""How often an acceptance is wrong, and when more samples stop helping.

Needs the extra `estimation`: `pip install 'neurosymbolic-verifier[estimation]'`.
"""
