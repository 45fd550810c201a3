"""`plumbline serve`: the API, the writer of each ledger and the follower of its views, for as long as they are wanted.

`ledgers` knows every ledger of the database and gives each its `keeper` (lease, standby, writer), its `following`
(views), its `relaying` (streams) and its `stream_checking`; `gate` carries commands to whichever process holds a ledger's
lease; `inbound` takes facts of other systems by NATS; `process` starts and stops it all.
"""
