"""The way in for browsers: a page, and WebSockets with events as JSON or with lines."""
