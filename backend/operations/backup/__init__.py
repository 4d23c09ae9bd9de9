"""Back up and restore an instance: the commands `backup` and `restore`.

contents.py  the header and the manifest of a backup
backup.py    writes a backup while the instance runs
restore.py   restores a backup into an empty home
reader.py    reads and verifies a backup without restoring it
tables.py    converts the database to text, in one snapshot, and back
files.py     restores bundles and drives
"""
