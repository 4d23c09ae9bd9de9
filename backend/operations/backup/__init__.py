"""Keeping an instance: `backup`, `restore`, and what they are made of.

contents.py  what a backup says of itself: its header and its manifest
backup.py    writes one while the instance runs
restore.py   brings an empty home to life from one
reader.py    reads one through without restoring anything
tables.py    the database as text, in one snapshot, and back
files.py     bundles and drives, out and in
"""
