"""From an institution's export to the five tables of the contract: read, map, check, write; see `lib.intake.__main__`."""
