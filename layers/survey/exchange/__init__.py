"""Deliveries between two Tocsins: signed manifests, pieces named by their content, receipts."""
