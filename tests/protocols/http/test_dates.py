"""A date that is made once a second."""

from __future__ import annotations

from protocols.http.dates import CachedDate


def test_a_date_is_good_until_the_next_second_of_the_clock() -> None:
    made: list[float] = []

    def text(seconds: float) -> str:
        made.append(seconds)
        return f"<{seconds:.2f}>"

    date = CachedDate(lambda: 1700.25, text)
    assert date.expires < 0
    date.refresh(50.0)
    assert (date.text, date.seconds, date.expires) == ("<1700.25>", 1700, 50.75)
    assert made == [1700.25]
