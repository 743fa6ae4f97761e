"""Survey records by the hundred million: sorted along a space-filling curve, counted beforehand, drawn at once.

`schema` says what a record is, `build` makes a store of them, `store` opens it, `tiles`, `polygon` and `rows` ask it.
"""
