"""What the type checkers must say; nothing here is ever run."""
