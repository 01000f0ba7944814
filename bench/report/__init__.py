"""Pages, README sections, pictures and the HTML report, made from stored runs and checked against them."""
