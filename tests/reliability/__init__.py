"""Randomized fault injection ("chaos") against orak as real processes.

Clients create and delete records while a nemesis kills, freezes and disconnects processes. A checker then
compares what the clients were promised with the database, the storage, the event log and the logs.
"""
