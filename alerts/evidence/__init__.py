"""Everything that a warning stands on, in one file that an outsider can check without us."""
