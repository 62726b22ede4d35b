"""Opening sockets: listeners, connectors, binding, sockets inherited from systemd."""
