"""What clients may send: strict fields, one schema a body, one parser from JSON to domain values."""
