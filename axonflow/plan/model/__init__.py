"""What a plan is: its steps, references and checks, and the document it is written as."""
