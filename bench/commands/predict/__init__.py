"""`python -m bench predict`: what an exported model makes of the user's own pictures.

`command` reads what was asked for and answers, `pictures` makes images of picture files, `model_files` finds and asks
the model.
"""
