"""Lines are measured in cells, and nothing in them can control the terminal."""

from protocols.inspector.terminal.cells import Look, beside, cut, draw, fit, pad, plain, width_of

EVIL = "a\x1b[2Jb\x1b]0;title\x07c\rd\u202ee\x9b31m"


def test_text_is_cut_and_padded_to_cells():
    assert fit("abc", 5) == "abc  "
    assert fit("abc", 5, right=True) == "  abc"
    assert fit("abcdef", 4) == "abc…"
    assert fit("日本語", 5) == "日本…"
    assert fit("日本語", 4) == "日… "
    assert fit("e\u0301e\u0301", 2) == "e\u0301e\u0301"
    assert fit("abc", 0) == ""


def test_control_characters_never_reach_the_terminal():
    drawn = draw([(EVIL, "bad")], 80, Look(colour=False)).decode()

    assert drawn == "\x1b[0;1mabc de\x1b[0m\x1b[K"
    assert fit(EVIL, 6) == "abc de"
    assert plain([(EVIL, "")]) == "abc de"


def test_lines_are_cut_within_a_wide_character():
    assert cut([("ab", "bold"), ("日本", "dim")], 5) == [("ab", "bold"), ("日", "dim")]
    assert width_of(pad([("日本", "")], 3)) == 3


def test_the_last_column_is_not_erased():
    look = Look(colour=False)

    assert draw([("abcd", "")], 4, look) == b"\x1b[0mabcd\x1b[0m"
    assert draw([("abc", "")], 4, look) == b"\x1b[0mabc\x1b[0m\x1b[K"


def test_panels_stand_next_to_each_other():
    left, right = [[("one", "")]], [[("two", "")], [("three", "")]]

    assert [plain(line) for line in beside(left, right, 20)] == [
        "one        two",
        "           three",
    ]


def test_without_colour_there_are_only_attributes():
    drawn = draw([("x", "good"), ("y", "alarm"), ("z", "step4")], 80, Look(colour=False))

    assert drawn == b"\x1b[0mx\x1b[0;1;7my\x1b[0;7mz\x1b[0m\x1b[K"


def test_without_unicode_everything_is_ascii():
    assert draw([("日x", "")], 80, Look(unicode=False)).isascii()
    look = Look(unicode=False)
    assert (look.ramp + look.full + look.empty + look.more + look.arrow(True)).isascii()
