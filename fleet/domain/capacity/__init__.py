"""When room, tokens and money run out: rules over hourly sums, without a clock or a store."""
