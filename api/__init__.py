"""The HTTP floor: the room that will hold the FastAPI routes, their schemas, errors, and who may do what.

Everything a person or another program does from outside goes through here. It may import `ledger`, `projections`,
`replay` and `connectors`; only `service`, which wires it, imports it.
"""
