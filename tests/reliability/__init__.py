"""What survives when everything is killed: a world of real processes, singers, a nemesis and a checker."""
