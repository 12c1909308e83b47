"""What clients get to read: domain values as OpenAI's API spells them."""
