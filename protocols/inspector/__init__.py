"""The inspector: a reactor at work, shown while it runs."""
