"""The command line: one option table, a strict guard in front of Fire, thin commands, presenters."""
