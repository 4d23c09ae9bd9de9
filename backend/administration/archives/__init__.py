"""Write and read archives: gzip-compressed tar files, processed as streams, in which each file has its hash.

Any tar program can open them. The header of each file contains its SHA-256, and the last file, the manifest, contains
a digest over all files in their order, so that readers detect missing, added, moved and changed files. Files are never
unpacked by name: readers take them one by one and decide what each of them is.

writer.py       adds files to an archive
reader.py       reads and verifies files of an archive
size_limits.py  buffers bytes to determine their size and hash before they are written
"""
