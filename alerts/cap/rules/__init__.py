"""The checklist C01 to C64, a module for each part of a message."""
