"""What is published: every page and README section made from the stored runs, written, or held against them."""
