"""The connection is lost, the server restarts, the page is reloaded."""

from __future__ import annotations

from .....tools.tabs import wait_until


def test_the_server_is_killed_and_restarted(site):
    anna, bob = site.page("anna"), site.page("bob")
    bob.types("/join build")
    wait_until(lambda: bob.room == "build")
    anna.types("before")
    anna.sees("before")
    site.kill()
    anna.wait_for('#bar[data-state="lost"]:not([hidden])')
    assert anna.text("#me .me-state") == "connection lost"
    anna.types("typed meanwhile", "and another one")
    wait_until(lambda: anna.texts("#waiting .text") == ["typed meanwhile", "and another one"])
    assert "2 lines will be sent" in anna.text("#bar")
    site.restart()
    for page in (anna, bob):  # at once, not when the time for the next try has come
        page.run("dispatchEvent(new Event('online'))")
        page.wait_until_connected()
    assert (anna.name, bob.name) == ("anna", "bob")
    anna.sees("before", "typed meanwhile", "and another one")
    assert anna.texts("#waiting .text") == []
    carl = site.netcat("carl")
    carl.types("/join build", "hello bob")
    bob.sees("hello bob")
    assert bob.texts("#rooms .name") == ["lobby", "build"]


def test_a_short_loss_costs_nothing_and_makes_no_noise(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    anna.types("one")
    bob.sees("anna: one")
    # The connection breaks while a line is on its way: the page cannot know whether it arrived.
    anna.run("sockets.at(-1).send = () => {}")
    anna.types("two")
    anna.run("sockets.at(-1).onclose({ reason: 'a test' })")
    bob.types("missed")
    bob.sees("bob: missed")
    anna.wait_until_connected()
    anna.sees("one", "missed", "two")
    bob.sees("anna: two")
    bob.types("end")
    bob.sees("bob: end")
    assert "***" not in bob.received
    # A line arrives, but its acknowledgement does not.
    anna.run("sockets.at(-1).onmessage = () => {}")
    anna.types("three")
    bob.sees("anna: three")
    anna.run("sockets.at(-1).onclose({ reason: 'a test' })")
    anna.wait_until_connected()
    anna.sees("two", "end", "three")
    bob.types("really the end")
    bob.sees("really the end")
    assert anna.log().count("three") == 1


def test_a_line_that_may_have_been_sent_is_not_sent_again_by_itself(site):
    anna = site.page("anna")
    anna.types("certain")
    anna.sees("certain")
    anna.run("sockets.at(-1).send = () => {}")
    anna.types("doubtful")
    site.kill()
    anna.wait_for("#bar:not([hidden])")
    site.restart()
    anna.run("dispatchEvent(new Event('online'))")
    anna.wait_for(".doubtful")
    assert anna.texts("#waiting .text") == ["doubtful"]
    anna.click(".doubtful [data-act=retry]")
    anna.sees("certain", "doubtful")
    assert anna.texts("#waiting .text") == []


def test_a_reload_goes_on_as_the_same_member(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    bob.types("hello", "/msg anna psst")
    anna.sees("hello")
    anna.types("/join build")
    wait_until(lambda: anna.room == "build")
    anna.find("#text").send_keys("half a line")
    bob.received = ""
    anna.front().refresh()
    anna.wait_until_connected()
    wait_until(lambda: anna.room == "build" and anna.field == "half a line")
    assert anna.name == "anna"
    assert anna.texts("#rooms .name") == ["lobby", "build"]
    anna.open("bob")
    anna.sees("psst")
    anna.open("lobby")
    anna.fill("")
    anna.types("back")
    bob.sees("anna: back")
    anna.sees("hello", "back")
    assert anna.log().count("hello") == 1
    assert "***" not in bob.received


def test_what_another_version_of_the_page_stored_does_no_harm(site):
    anna = site.page("anna")
    for stored in ('{"rooms": [{"name": "old"}], "me": 5}', "[]", "5", "no JSON"):
        anna.run(
            "addEventListener('pagehide', () => {"
            "  sessionStorage['chat.tab'] = sessionStorage['chat.session'] = arguments[0];"
            '  localStorage[\'chat.settings\'] = \'{"name": "anna", "passages": 5}\'; })',
            stored,
        )
        anna.front().refresh()
        anna.wait_until_connected()
        assert anna.texts("#rooms .name") == ["lobby"]


def test_two_tabs_are_two_members(site):
    anna = site.page("anna")
    other = site.page(None)  # the name is known, so nobody asks; but it is taken
    wait_until(lambda: other.name.startswith("guest"))
    wait_until(lambda: "Somebody else is called anna" in other.text("#warning"))
    wait_until(lambda: len(anna.members()) == 2)


def test_a_duplicated_tab_is_another_member(site):
    anna = site.page("anna")
    anna.front().refresh()  # what is stored for a reload is not left for a duplicate
    anna.wait_until_connected()
    anna.run("window.open('/')")  # with a copy of the session storage, as for a duplicate
    wait_until(lambda: len(anna.members()) == 2)
    copy = next(handle for handle in site.browser.window_handles[1:] if handle != anna.handle)
    site.browser.switch_to.window(copy)
    site.browser.close()
    site.browser.switch_to.window(anna.handle)
    assert anna.name == "anna"
    anna.types("still here")
    anna.sees("still here")


def test_leaving_and_coming_back(site):
    anna = site.page("anna")
    anna.types("/quit bye")
    anna.wait_for('#bar[data-state="closed"]:not([hidden])')
    anna.click("#bar button")
    anna.wait_until_connected()
    assert anna.name == "anna"
