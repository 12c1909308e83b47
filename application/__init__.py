"""What a user can ask for: one use case a file; takes ports, returns values, raises domain errors."""
