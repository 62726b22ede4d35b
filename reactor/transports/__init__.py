"""What carries bytes: streams and their write queues, TLS, datagrams, pipes, files."""
