"""Long work that is asked for over HTTP and runs beside the requests: `store` keeps it, `runner` runs it."""
