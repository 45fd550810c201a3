"""The forms of rows of relations, for the OpenAPI document. `documents.py` makes such rows, and
`api/examples_relations.py` has an example of each form."""
