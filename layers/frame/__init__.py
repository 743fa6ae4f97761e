"""What is known of a place between two times: records, events, readings, fields and warnings by one key."""
