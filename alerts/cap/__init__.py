"""CAP 1.2 messages: built, read, checked, chained and signed."""
