#!/bin/sh
# Subjects on the input, one a line; those of chores and tests are dropped, and what is before the colon of others.
grep -v -E '^(chore|test)(\([a-z]+\))?:' | sed -E 's/^[a-z]+(\([a-z]+\))?: //'
