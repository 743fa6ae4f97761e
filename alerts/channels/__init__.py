"""The ways out: a module a channel, each with its transport handed in."""
