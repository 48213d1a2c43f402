"""What operators do: look at the whole of orak, and move what stands still."""
