"""Rule documents, their compilation to arrays, the kernel and the engine: points are decided here.

`document.py` says what rules are, `compile.py` turns rule sets into tables (`layout.py` is their contract),
`kernel.py` folds one account's rows, `engine.py` runs batches of accounts, live and in replay alike. `assignment/`
says who serves which customer.
"""
