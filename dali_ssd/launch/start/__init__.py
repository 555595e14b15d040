"""`dali-ssd launch`: where ranks run, how they are started, and what happens when one of them ends."""
