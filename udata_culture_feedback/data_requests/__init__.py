"""A dataset somebody asks for: its workflow, its clock, who supports it, until it is published."""
