"""Shell completion: the scripts the shells load are thin, what fits is decided here, from the option table."""
