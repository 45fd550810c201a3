"""The columns: the log as replay reads it, in Parquet files beside the database.

A folder holds segments (files for a range of positions) and a manifest that says which of them count.
`builder` turns events into rows and knows no files, `store` writes and merges segments, `reader` reads them
back. Everything can be deleted and built again from the log.
"""
