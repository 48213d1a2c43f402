"""The screens of the tests: a desktop and a small phone, in CSS pixels."""

WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
