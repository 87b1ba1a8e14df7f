"""Sample policies and labelled traffic that ship with AxonFlow."""
