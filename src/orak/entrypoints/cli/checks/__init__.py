"""The checks of `orak doctor`, one subject a file. A check reads and tries, and leaves no trace."""
