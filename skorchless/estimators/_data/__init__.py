"""What a user hands over: checked, and read as samples in memory or in partitions."""
