from benchmarks import document


def test_the_guide_shows_the_measured_results():
    guide = document.GUIDE.read_text()
    results = document.read()
    assert document.with_results(guide, results) == guide, "run `just bench --write`"


def test_the_pictures_show_the_measured_results():
    if results := document.read():
        for name, drawing in document.pictures(results).items():
            assert (document.IMAGES / name).read_text() == drawing, "run `just bench --write`"
