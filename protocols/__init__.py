"""What is spoken over the reactor: echo, time, chat. They use the reactor's public names only."""
