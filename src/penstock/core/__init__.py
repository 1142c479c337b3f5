"""Pure decisions: functions of values that return values a person can read."""
