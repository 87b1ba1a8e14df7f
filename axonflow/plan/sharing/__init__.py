"""What many plans share: slots, rates and replicas, and who may start next."""
