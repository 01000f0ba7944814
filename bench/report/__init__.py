"""What is published: every page, README section, picture and chapter, made from stored runs or held against them."""
