"""The schema that all ledgers of a database share (`plumbline`): API keys and the key that signs cursors."""
