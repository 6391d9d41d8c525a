"""`mft compare`: every task alone, all tasks mixed, and balanced in several ways, on equal budgets, with intervals."""
