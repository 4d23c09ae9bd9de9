"""Create jobs from earlier ones: forks, continued runs and replays."""
