"""The warning desk: from a proposal to a signed message that is handed to the queue."""
