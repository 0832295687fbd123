"""Expected findings of the type checkers; nothing here is executed."""
