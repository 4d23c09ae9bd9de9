"""Archives of many files in one: a gzip-compressed tar, written and read as a stream, each file with its hash.

Any tar program opens one. What makes it safe to read back: every file carries its SHA-256 in its own header, and the
last one, the manifest, carries a digest over all of them in their order, so that nothing can be missing, added, moved
or changed. Nothing is ever unpacked by name: readers take the files one by one and decide what each of them is.

writer.py    puts files into an archive
reader.py    takes them out again, checking each
size_limits.py  bytes whose size and hash are known before they are written
"""
