"""What the public is told, as values and answers: shared by its pages and its feeds."""
