"""Kills the connector at random, again and again, and proves that nobody is rung twice, nothing lost."""
