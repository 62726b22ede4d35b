"""The way in for IRC clients."""
