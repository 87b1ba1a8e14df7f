"""What AxonFlow does, one verb a module. Flows join the pure core to the ports."""
