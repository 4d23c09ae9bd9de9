"""New jobs that are made from earlier ones: forks, continued runs and replays."""
