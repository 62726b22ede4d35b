"""Protocols over the reactor: echo, time, chat, HTTP, WebSocket. They use the reactor's public
names only."""
