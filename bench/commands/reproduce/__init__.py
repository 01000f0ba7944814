"""`python -m bench reproduce`: the tutorials' recipes trained again, and their published figures held against ours.

`command` plans, `measure` trains and scores, `saving` saves and loads.
"""
