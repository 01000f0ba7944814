"""`python -m bench reproduce`: the tutorials' recipes trained again, and their published figures held against ours.

`command` plans, `measure` trains and scores, `saving` saves and loads, `store` keeps what is done, `judge` compares,
`page` and `details` write Markdown. The last three work on a stored run, without any framework.
"""
