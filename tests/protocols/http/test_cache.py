"""The bounds of FIFOCache."""

from __future__ import annotations

from protocols.http.cache import FIFOCache


def test_the_oldest_entry_is_dropped_first():
    cache: FIFOCache[int, str] = FIFOCache(3, 100)
    for number in range(5):
        cache.keep(number, str(number), 1)
    assert cache == {2: "2", 3: "3", 4: "4"}


def test_keeping_an_entry_again_drops_nothing():
    cache: FIFOCache[int, str] = FIFOCache(3, 100)
    for number in (0, 1, 2, 0, 0):
        cache.keep(number, str(number), 1)
    assert set(cache) == {0, 1, 2}


def test_an_entry_that_is_too_large_is_not_kept():
    cache: FIFOCache[int, str] = FIFOCache(3, 100)
    cache.keep(1, "a", 100)
    cache.keep(2, "b", 101)
    assert cache == {1: "a"}
    assert [cache.offer(3, "c", 101) for _ in range(2)] == [False, False]
    assert cache == {1: "a"}


def test_an_offer_is_kept_the_second_time():
    cache: FIFOCache[int, str] = FIFOCache(3, 100)
    assert not cache.offer(7, "a", 1)
    assert cache == {}
    assert cache.offer(7, "b", 1)
    assert cache == {7: "b"}


def test_single_offers_drop_nothing():
    cache: FIFOCache[str, int] = FIFOCache(3, 100)
    for name in "abc":
        cache.keep(name, 0, 1)
    for number in range(1000):
        cache.offer(f"x{number}", number, 1)
    assert list(cache) == ["a", "b", "c"]
