"""People talk through the page: lines, private lines, rooms, what is unread."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from .....tools.tabs import wait_until


def test_two_pages_and_netcat_see_each_other(site):
    anna, bob = site.page("anna"), site.page("bob")
    carl = site.netcat("carl")
    anna.types("hello", "/me waves")
    for page in (anna, bob):
        page.sees("hello", "anna waves")
        wait_until(lambda page=page: page.members() == ["anna", "bob", "carl"])
    carl.sees("anna: hello")
    carl.sees("* anna waves")
    carl.types("hi anna")
    anna.sees("hi anna")
    assert anna.texts("#log .mentioned mark") == ["anna"]
    bob.types("two lines", "of one person")
    anna.sees("two lines", "of one person")
    assert anna.texts("#log .who")[-1] == "bob"  # one head for both
    carl.types("/nick carla")
    wait_until(lambda: anna.events()[-1] == "carl is now called carla")
    wait_until(lambda: "carla" in anna.members())


def test_private_lines_have_a_place_of_their_own(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    bob.types("/msg anna psst")
    wait_until(lambda: anna.unread() == {"bob": "1"})
    assert anna.title == "(1) #lobby · Chat"
    anna.open("bob")
    anna.sees("psst")
    wait_until(lambda: anna.title == "bob · Chat")
    anna.types("what is it?", "//slash")
    bob.sees("anna -> bob: what is it?")
    bob.sees("anna -> bob: /slash")
    anna.sees("psst", "what is it?", "/slash")
    bob.types("/nick robert")
    wait_until(lambda: anna.room == "robert")
    anna.types("still you?")
    bob.sees("anna -> robert: still you?")


def test_unread_lines_are_counted_and_marked(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    bob.types("before")
    anna.sees("before")
    anna.types("/join build")
    wait_until(lambda: anna.room == "build")
    bob.types("one", "two, anna", "three")
    wait_until(lambda: anna.unread() == {"lobby": "@3"})
    assert anna.title == "(3) #build · Chat"
    assert anna.run("return document.querySelector('#icon').href").startswith("data:image/svg+xml,")
    anna.press(Keys.ALT, Keys.ARROW_UP)
    wait_until(lambda: anna.room == "lobby")
    anna.sees("before", "one", "two, anna", "three")
    assert anna.text(".entry:has(.marker) .text") == "one"
    wait_until(lambda: anna.unread() == {} and anna.title == "#lobby · Chat")
    assert anna.run("return document.querySelector('#icon').href").endswith("/icon.svg")


def test_joining_and_leaving_rooms(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    bob.types("/join build", "/topic Nails and wood")
    bob.sees("set the topic")
    anna.click("#browse")
    wait_until(lambda: anna.texts(".rooms-found .name") == ["build", "lobby"])
    anna.wait_for(".rooms-found button").click()
    wait_until(lambda: anna.room == "build" and anna.members() == ["bob", "anna"])
    assert anna.text("#topic") == "Nails and wood"
    assert anna.texts("#members h3") == ["Operators", "Members"]
    bob.types("/mode +v anna", "/away lunch")
    wait_until(lambda: anna.texts("#members h3") == ["Operators", "With a voice"])
    anna.wait_for("#members .is-away")
    anna.find("#text").send_keys("half a line")
    bob.types("/kick anna out with you")
    wait_until(lambda: "bob put you out of build: out with you" in anna.text("#gone"))
    anna.click("#gone .primary")
    wait_until(
        lambda: anna.members() == ["bob", "anna"] and not anna.find_all("#gone:not([hidden])")
    )
    wait_until(lambda: anna.focused == "text")
    assert anna.field == "half a line"
    anna.types("/part")
    wait_until(lambda: anna.texts("#rooms .name") == ["lobby"] and anna.room == "lobby")
    bob.types("/invite anna")
    anna.wait_for("[data-join]").click()
    wait_until(lambda: anna.room == "build")


def test_an_error_is_next_to_the_field_and_the_line_is_given_back(site):
    anna = site.page("anna")
    anna.types("/nosuch thing")
    wait_until(lambda: "There is no command /nosuch" in anna.text("#warning"))
    assert anna.field == "/nosuch thing"
    assert anna.run("return document.querySelector('#warning').getAttribute('role')") == "alert"
    anna.fill("something else")
    assert anna.text("#warning") == ""


def test_notifications_are_for_mentions_and_private_lines_and_opted_in(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    anna.command(
        "Browser.grantPermissions", origin=site.url.rstrip("/"), permissions=["notifications"]
    )
    anna.run(
        "window.notified = [];"
        "window.Notification = class {"
        "  static permission = 'granted';"
        "  static requestPermission() { return Promise.resolve('granted'); }"
        "  constructor(title, options) { notified.push([title, options.body]); }"
        "};"
        "document.hasFocus = () => false"
    )
    bob.types("before, anna")
    anna.sees("before, anna")
    anna.click("#me")
    anna.wait_for(".choice:last-of-type input[type=checkbox]").click()
    wait_until(lambda: anna.run("return JSON.parse(localStorage['chat.settings']).notify"))
    anna.press(Keys.ESCAPE)
    bob.types("not for you", "now, anna", "/msg anna psst")
    wait_until(
        lambda: anna.run("return notified") == [["bob in #lobby", "now, anna"], ["bob", "psst"]]
    )
