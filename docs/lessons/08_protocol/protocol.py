"""Lesson 8: what a protocol is told. A server overrides what it needs."""


class Protocol:
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        pass

    def connection_lost(self, error):
        pass
