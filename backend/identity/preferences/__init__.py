"""Settings of users: theme, time zone and the e-mail that they receive."""
