"""A SOAP service written with spyne, called by zeep, a real SOAP client."""

import datetime
import decimal
import warnings

import pytest
import zeep
from zeep.exceptions import Fault
from zeep.transports import Transport

from ....tools.waiting import TIMEOUT

with warnings.catch_warnings():
    # spyne's copies of other modules, and its use of deprecated names: not our code.
    warnings.simplefilter("ignore")
    from .apps import soap_orders

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:spyne"),
    # It uses lxml elements as truth values.
    pytest.mark.filterwarnings("ignore:Truth-testing of elements:FutureWarning"),
]


@pytest.fixture
def client(serve_both):
    served = serve_both(soap_orders.create_app())
    transport = Transport(timeout=TIMEOUT, operation_timeout=TIMEOUT)
    transport.session.trust_env = False
    client = zeep.Client(f"{served.url}/?wsdl", transport=transport)
    yield client
    transport.session.close()
    served.stop()
    assert served.errors == []


def order(client, *items):
    types = client.type_factory(soap_orders.NAMESPACE)
    return types.Order(
        customer="Zoë & Söhne",
        due=datetime.date(2030, 2, 28),
        items=types.ItemArray(
            Item=[types.Item(name=name, price=price, count=count) for name, price, count in items]
        ),
    )


def test_orders_are_placed_and_fetched(client):
    service = client.service
    one = order(client, ("Tee", decimal.Decimal("3.50"), 2), ("Tasse <rot>", decimal.Decimal(9), 1))
    assert service.place(one) == 1
    assert service.place(order(client, *[("Löffel", decimal.Decimal("0.01"), 1)] * 2000)) == 2
    assert service.total(1) == decimal.Decimal("16.00")
    assert service.total(2) == 20
    found = service.fetch(1)
    assert (found.customer, found.due) == ("Zoë & Söhne", datetime.date(2030, 2, 28))
    assert [item.name for item in found["items"].Item] == ["Tee", "Tasse <rot>"]


def test_an_exception_is_a_fault(client):
    with pytest.raises(Fault, match="an order needs items"):
        client.service.place(order(client))
    with pytest.raises(Fault, match="no order 7") as caught:
        client.service.fetch(7)
    assert caught.value.code.endswith("Client.Unknown")


def test_a_request_that_violates_the_schema_is_a_fault(client):
    node = client.create_message(client.service, "fetch", number=1)
    node.find(".//{*}number").text = "one"
    address = client.wsdl.location.removesuffix("?wsdl")
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"fetch"'}
    answer = client.transport.post_xml(address, node, headers)
    assert answer.status_code == 500
    assert b"Client.SchemaValidationError" in answer.content


def test_headers_arrays_and_binary_data_arrive(client):
    caller = client.get_type(f"{{{soap_orders.NAMESPACE}}}Caller")
    header = zeep.xsd.Element(f"{{{soap_orders.NAMESPACE}}}Caller", caller)
    assert client.service.who(_soapheaders=[header(user="admin")]) == "admin"
    assert client.service.repeat("é", 500) == [f"é {number}" for number in range(500)]
    assert client.service.attach(bytes(2_000_000)) == 2_000_000
