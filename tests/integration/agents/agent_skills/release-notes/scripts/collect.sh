#!/bin/sh
# Reads one subject per line. Removes the subjects of chores and tests, and the prefix of the others.
grep -v -E '^(chore|test)(\([a-z]+\))?:' | sed -E 's/^[a-z]+(\([a-z]+\))?: //'
