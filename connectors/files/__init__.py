"""Rows of files (CSV, XLSX) as commands to the ledger.

`mapping` is the document that says how a source's columns become facts, `reading` turns a file into raw
rows, `mapping_apply` one raw row into a command or a refusal, `importing` runs whole files, `quarantine`
keeps what was refused until a person has mended it.
"""
