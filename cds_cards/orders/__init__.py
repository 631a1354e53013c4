"""Order entry: what the drafted orders are, what they cause, and the findings that the plan rests on."""
