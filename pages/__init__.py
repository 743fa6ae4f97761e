"""The human face; `pages.application` puts it together."""
