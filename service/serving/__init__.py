"""`plumbline serve`: the API, the writer of each ledger and the follower of its views, for as long as they are wanted.

`ledgers` knows every ledger of the database and gives each its `keeper` (lease, standby, writer), its `following`
(views) and its `relaying` (streams); `gate` carries commands to whichever process holds a ledger's lease; `process` starts and stops it all.
"""
