"""What the ledger speaks of: values, fact types, events and commands, and the words that explain them.

Pure: no input or output, no clock, no randomness. Times and ids come in as arguments.
"""
