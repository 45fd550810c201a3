"""What finance asks over HTTP: reconciliation and what people decide on it, the liability, the journal, honours."""
