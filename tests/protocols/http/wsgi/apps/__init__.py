"""Applications as their frameworks' users write them. Nothing in them knows this server."""
