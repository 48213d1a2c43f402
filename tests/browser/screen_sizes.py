"""A desktop and a small phone."""

WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
