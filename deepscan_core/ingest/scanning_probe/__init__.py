"""Files of scanning-probe microscopes; trace and retrace, height and the other signals are separate pictures."""
