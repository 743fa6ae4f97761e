"""An approved warning as texts, map, poster, speech and short video: nothing is said that was not approved."""
