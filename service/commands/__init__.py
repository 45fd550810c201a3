"""The commands of `plumbline`, a file for each concern; every one takes --json, --ledger and --actor where they apply."""
