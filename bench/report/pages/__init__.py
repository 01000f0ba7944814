"""One module per page of tables: a stored run goes in, Markdown comes out."""
