"""Who may do what over HTTP: roles and permissions, the keys that carry them, and the check before each route."""
