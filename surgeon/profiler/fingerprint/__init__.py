"""What a reader must know of machine, software and load to judge a time. Reads only, changes nothing."""
