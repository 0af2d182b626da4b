"""What is said on screen: an alert, an incident, a job, a model told in lines, and the wording that they share."""
