"""The LAMB optimizer (`amlm.optim.lamb`) and learning-rate schedules (`amlm.optim.schedule`)."""
