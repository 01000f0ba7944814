"""`python -m bench report`: what the stored runs say, checked, published, or measured anew."""
