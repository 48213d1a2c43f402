"""orak beside what a good engineer would write in an afternoon, in the same run."""
