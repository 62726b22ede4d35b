"""A SOAP 1.1 service in spyne: simple and complex types, arrays, faults, a header, attachments as
base64. It describes itself at ``?wsdl``."""

import collections.abc
import http.cookies
import sys
import urllib.error
import urllib.parse
import urllib.request

# The copy of "six" in spyne 2.14 finds these modules by a hook that newer Pythons no longer call,
# or call with a warning. Python calls no hook for modules that are already loaded.
for _name, _module in {
    "collections_abc": collections.abc,
    "http_cookies": http.cookies,
    "urllib.error": urllib.error,
    "urllib.parse": urllib.parse,
    "urllib.request": urllib.request,
}.items():
    sys.modules[f"spyne.util.six.moves.{_name}"] = _module

from spyne import (  # noqa: E402
    Application,
    Array,
    ByteArray,
    ComplexModel,
    Date,
    Decimal,
    Fault,
    Integer,
    Iterable,
    ServiceBase,
    Unicode,
    rpc,
)
from spyne.protocol.soap import Soap11  # noqa: E402
from spyne.server.wsgi import WsgiApplication  # noqa: E402

sys.meta_path[:] = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]

NAMESPACE = "urn:example:orders"


class Item(ComplexModel):
    __namespace__ = NAMESPACE
    name = Unicode(min_occurs=1)
    price = Decimal(min_occurs=1)
    count = Integer(min_occurs=1)


class Order(ComplexModel):
    __namespace__ = NAMESPACE
    number = Integer
    customer = Unicode(min_occurs=1)
    due = Date
    items = Array(Item)


class Caller(ComplexModel):
    __namespace__ = NAMESPACE
    user = Unicode


def create_app():
    """The service, with no orders yet."""
    orders: dict[int, Order] = {}

    class Orders(ServiceBase):
        __in_header__ = Caller

        @rpc(Order, _returns=Integer)
        def place(ctx, order):
            if not order.items:
                raise Fault("Client.Empty", "an order needs items")
            order.number = len(orders) + 1
            orders[order.number] = order
            return order.number

        @rpc(Integer, _returns=Order)
        def fetch(ctx, number):
            if number not in orders:
                raise Fault("Client.Unknown", f"no order {number}")
            return orders[number]

        @rpc(Integer, _returns=Decimal)
        def total(ctx, number):
            return sum(item.price * item.count for item in orders[number].items)

        @rpc(Unicode, Integer, _returns=Iterable(Unicode))
        def repeat(ctx, text, count):
            for number in range(count):
                yield f"{text} {number}"

        @rpc(ByteArray, _returns=Integer)
        def attach(ctx, data):
            return sum(map(len, data))

        @rpc(_returns=Unicode)
        def who(ctx):
            return ctx.in_header.user

    application = Application(
        [Orders], NAMESPACE, in_protocol=Soap11(validator="lxml"), out_protocol=Soap11()
    )
    return WsgiApplication(application, max_content_length=4 << 20)
