"""From detections to what an analyst works on: risk, alerts, incidents, stories, the queue and triage."""
