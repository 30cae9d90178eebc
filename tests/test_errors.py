from mepipe.errors import suggest


def test_suggest_names_the_closest_choice():
    assert suggest("cassme2", ["samm", "casme2"]) == " (did you mean 'casme2'?)"


def test_suggest_is_empty_where_no_choice_is_close():
    assert suggest("folder", ["samm", "casme2"]) == ""
    assert suggest("folder", []) == ""


def test_suggest_has_the_form_that_the_message_needs():
    assert suggest("sam", ["samm"], form="Did you mean {}?") == "Did you mean samm?"
    assert suggest("x", ["samm"], form="Did you mean {}?") == ""


def test_suggest_is_stricter_with_a_higher_cutoff():
    assert suggest("samXX", ["samm"], cutoff=0.4)
    assert not suggest("samXX", ["samm"], cutoff=0.9)
