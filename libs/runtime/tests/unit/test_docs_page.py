from __future__ import annotations

from feedmill.runtime import docs_page


def test_the_page_fetches_nothing_from_elsewhere() -> None:
    page = docs_page.html("A & B")
    assert "//" not in page.replace("<!doctype html>", "")
    assert "<title>A &amp; B</title>" in page


def test_every_file_the_page_names_is_there_and_no_other_is_served() -> None:
    for name in docs_page.ASSETS:
        assert f"{docs_page.PATH}/{name}" in docs_page.html("x")
        found = docs_page.asset(name)
        assert found is not None
        assert found[1].stat().st_size > 10_000
    assert docs_page.asset("../__init__.py") is None
