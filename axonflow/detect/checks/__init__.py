"""Check digits, ranges and calendars of the numbers that the packs look for. All take folded (ASCII) text."""
