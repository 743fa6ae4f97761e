"""What a footprint holds: people, area, objects and places; and how a footprint is drawn from a field."""
